import { type Answer, answer, refuse } from '../../abi/errno.js';
import type { GuestImage } from '../../abi/guest.js';
import { checkDomainConfig, checkResourceId, END_ACTIONS } from '../check-config.js';
import type { DomainConfig, EndAction } from '../domain-config.js';
import { parsePcpuList } from './pcpu-list.js';
import { ConfigFault, type Setting, SettingsReader } from './read-settings.js';

const FRAMES_PER_MIB = 256;
const MIB_MAX = 1 << 24;

/** What a host has that a configuration's text only names. */
export interface ConfigContext {
  pcpus: number;
  /** Guest images by the name that `kernel` gives. */
  images: Readonly<Record<string, GuestImage>>;
  /** The id when the text has no `uuid`. */
  id?: string;
}

type Draft = Partial<Omit<DomainConfig, 'name' | 'id'>> & { name?: string; id?: string };
type Reader = (draft: Draft, setting: Setting, context: ConfigContext) => void;

/** Keys of xl.cfg(5) that are known and mean nothing here; others are told to be unknown. */
const UNSUPPORTED =
  'acpi apic bios bootloader bootloader_args builder channel claim_mode cpuid dm_restrict device_model_args ' +
  'device_model_override device_model_version device_tree dmi driver_domain gfx_passthru hap hdtype hpet ' +
  'iomem ioports irqs keymap localtime max_grant_version monitor nestedhvm nomigrate numa_placement nographic ' +
  'on_soft_reset p9 passthrough pci period budget extratime pvcalls pvshim ramdisk rdm rtc_timeoffset seclabel ' +
  'serial shadow_memory soundhw spice stdvga tsc_mode tpm usb usbctrl usbdev vcpus_policy vfb videoram vif viommu ' +
  'virtio vkb vnc vncdisplay vnclisten vsnd vtpm vuart xen_platform_pci';
const UNSUPPORTED_KEYS: ReadonlySet<string> = new Set(UNSUPPORTED.split(' '));

/** What each field of a configuration is called in the text. */
const KEY_OF_FIELD: Readonly<Record<string, string>> = {
  id: 'uuid',
  vcpusMax: 'maxvcpus',
  weight: 'cpu_weight',
  cpusSoft: 'cpus_soft',
  memoryFrames: 'memory',
  memoryFramesMax: 'maxmem',
  maxGrantFrames: 'max_grant_frames',
  maxMaptrackFrames: 'max_maptrack_frames',
  maxEventChannels: 'max_event_channels',
  volumes: 'disk',
  image: 'kernel',
};

const READERS: Readonly<Record<string, Reader>> = {
  name: (draft, setting) => void (draft.name = text(setting)),
  uuid: (draft, setting) => void (draft.id = text(setting)),
  type: (_draft, setting) => void oneOf(setting, ['pv']),
  pool: (_draft, setting) => void oneOf(setting, ['Pool-0']),
  kernel: readKernel,
  cmdline: (draft, setting) => void (draft.commandLine = text(setting)),
  memory: (draft, setting) => void (draft.memoryFrames = mebibytes(setting) * FRAMES_PER_MIB),
  maxmem: (draft, setting) => void (draft.memoryFramesMax = mebibytes(setting) * FRAMES_PER_MIB),
  vcpus: (draft, setting) => void (draft.vcpus = number(setting)),
  maxvcpus: (draft, setting) => void (draft.vcpusMax = number(setting)),
  cpus: (draft, setting, context) => void (draft.cpus = pcpus(setting, context.pcpus)),
  cpus_soft: (draft, setting, context) => void (draft.cpusSoft = pcpus(setting, context.pcpus)),
  cpu_weight: (draft, setting) => void (draft.weight = number(setting)),
  cap: (draft, setting) => void (draft.cap = number(setting)),
  on_poweroff: (draft, setting) => void (draft.onPoweroff = action(setting)),
  on_reboot: (draft, setting) => void (draft.onReboot = action(setting)),
  on_watchdog: (draft, setting) => void (draft.onWatchdog = action(setting)),
  on_crash: (draft, setting) => void (draft.onCrash = action(setting)),
  max_grant_frames: (draft, setting) => void (draft.maxGrantFrames = number(setting)),
  max_maptrack_frames: (draft, setting) => void (draft.maxMaptrackFrames = number(setting)),
  max_event_channels: (draft, setting) => void (draft.maxEventChannels = number(setting)),
  disk: readDisks,
};

/**
 * Reads the text of an xl.cfg. `memory` and `maxmem` are MiB, `kernel` names an image, `uuid` is the owner's id, `root` and
 * `extra` make the command line unless `cmdline` is given, and a disk is `volume,format,vdev,access` or the same as
 * key=value, in the order xvda, xvdb. EINVAL names line, key, limit and value; keys this host does not have are refused.
 */
export function parseDomainConfigText(source: string, context: ConfigContext): Answer<DomainConfig> {
  try {
    const settings = new SettingsReader(source).read();
    const draft: Draft = { vcpus: 1, ...(context.id === undefined ? {} : { id: context.id }) };
    const kernelArguments = new Map<string, string>();
    for (const setting of settings) {
      if (setting.key === 'root' || setting.key === 'extra') kernelArguments.set(setting.key, text(setting));
      else readerOf(setting)(draft, setting, context);
    }
    joinCommandLine(draft, settings, kernelArguments);
    return checked(draft, settings, context.pcpus);
  } catch (thrown) {
    if (thrown instanceof ConfigFault) return refuse('EINVAL', thrown.message);
    throw thrown;
  }
}

function readerOf({ key, line }: Setting): Reader {
  const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
  if (reader !== undefined) return reader;
  const why = UNSUPPORTED_KEYS.has(key) ? 'not supported on this host' : 'unknown key';
  throw new ConfigFault(line, `${key.slice(0, 40)}: ${why}`);
}

function joinCommandLine(
  draft: Draft,
  settings: readonly Setting[],
  given: ReadonlyMap<string, string>,
): void {
  if (given.size === 0) return;
  const cmdline = settings.find((setting) => setting.key === 'cmdline');
  if (cmdline !== undefined) throw new ConfigFault(cmdline.line, 'cmdline: not together with root or extra');
  const root = given.get('root');
  const parts = [root === undefined ? undefined : `root=${root}`, given.get('extra')];
  draft.commandLine = parts.filter((part) => part !== undefined).join(' ');
}

/** The whole configuration against the host's limits; what is wrong is told by the key of the text. */
function checked(draft: Draft, settings: readonly Setting[], pcpuCount: number): Answer<DomainConfig> {
  for (const [field, key] of [
    ['name', 'name'],
    ['id', 'uuid'],
    ['memoryFrames', 'memory'],
    ['image', 'kernel'],
  ] as const) {
    if (draft[field] === undefined) return refuse('EINVAL', `${key}: has to be given`);
  }
  const config = draft as DomainConfig;
  const fault = checkDomainConfig(config, pcpuCount);
  if (fault === null) return answer(config);
  const field = fault.slice(0, fault.indexOf(':'));
  const key = KEY_OF_FIELD[field] ?? field;
  const setting = settings.find((one) => one.key === key);
  const where = setting === undefined ? '' : `line ${setting.line}: `;
  return refuse('EINVAL', `${where}${key === field ? fault : `${key}: ${fault}`}`);
}

function readKernel(draft: Draft, setting: Setting, { images }: ConfigContext): void {
  const name = text(setting);
  if (!Object.hasOwn(images, name)) {
    const known = Object.keys(images).join(', ');
    throw new ConfigFault(setting.line, `kernel: one of ${known}, got ${JSON.stringify(name.slice(0, 40))}`);
  }
  draft.image = images[name];
}

function readDisks(draft: Draft, setting: Setting): void {
  const { value, line } = setting;
  if (!Array.isArray(value)) throw new ConfigFault(line, 'disk: a list expected');
  draft.volumes = (value as readonly (string | number)[]).map((disk, at) => {
    const fault = (detail: string) => new ConfigFault(line, `disk[${at}]: ${detail}`);
    const parts = diskParts(String(disk), fault);
    const { target, format, vdev, access } = parts;
    const targetFault = checkResourceId(target);
    if (targetFault !== null)
      throw fault(`target: ${targetFault}, got ${JSON.stringify(target.slice(0, 40))}`);
    if (format !== '' && format !== 'raw')
      throw fault(`format: raw, got ${JSON.stringify(format.slice(0, 40))}`);
    const expected = `xvd${String.fromCharCode(97 + at)}`;
    if (vdev !== expected)
      throw fault(`vdev: ${expected}, as disks come in order, got ${JSON.stringify(vdev.slice(0, 40))}`);
    if (!['', 'r', 'ro', 'w', 'rw'].includes(access))
      throw fault(`access: r, ro, w or rw, got ${JSON.stringify(access.slice(0, 40))}`);
    return { volumeId: target, readOnly: access.startsWith('r') && access !== 'rw' };
  });
}

/** Positional parts first, then key=value, as in xl-disk-configuration(5). */
function diskParts(text: string, fault: (detail: string) => ConfigFault): Record<DiskPart, string> {
  const parts: Record<DiskPart, string> = { target: '', format: '', vdev: '', access: '' };
  for (const [i, piece] of text.split(',').entries()) {
    const part = piece.trim();
    const named = /^([a-z-]+)=(.*)$/.exec(part);
    const key = named === null ? DISK_PARTS[i] : DISK_PARTS.find((one) => one === named[1]);
    if (key === undefined)
      throw fault(`${DISK_PARTS.join(', ')} expected, got ${JSON.stringify(part.slice(0, 40))}`);
    if (parts[key] !== '') throw fault(`${key}: given twice`);
    parts[key] = named === null ? part : (named[2] as string);
  }
  return parts;
}

const DISK_PARTS = ['target', 'format', 'vdev', 'access'] as const;
type DiskPart = (typeof DISK_PARTS)[number];

function text({ key, value, line }: Setting): string {
  if (typeof value !== 'string') throw new ConfigFault(line, `${key}: a text in quotes expected`);
  return value;
}

function number({ key, value, line }: Setting): number {
  if (typeof value === 'number') return value;
  // As xl does, a number may stand in quotes.
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  throw new ConfigFault(line, `${key}: a number expected`);
}

function mebibytes(setting: Setting): number {
  const mib = number(setting);
  if (mib >= 1 && mib <= MIB_MAX) return mib;
  throw new ConfigFault(setting.line, `${setting.key}: 1 to ${MIB_MAX} MiB, got ${mib}`);
}

function oneOf(setting: Setting, values: readonly string[]): string {
  const value = text(setting);
  if (values.includes(value)) return value;
  throw new ConfigFault(
    setting.line,
    `${setting.key}: ${values.join(', ')}, got ${JSON.stringify(value.slice(0, 40))}`,
  );
}

function action(setting: Setting): EndAction {
  return oneOf(setting, END_ACTIONS) as EndAction;
}

/** One set for all vCPUs; a list with a set for each is not supported. */
function pcpus({ key, value, line }: Setting, count: number): number[] {
  if (Array.isArray(value) && value.length !== 1)
    throw new ConfigFault(line, `${key}: one set for all vCPUs, got a list of ${value.length}`);
  const list = parsePcpuList(String(Array.isArray(value) ? value[0] : value), count);
  if (typeof list === 'string') throw new ConfigFault(line, `${key}: ${list}`);
  return list;
}
