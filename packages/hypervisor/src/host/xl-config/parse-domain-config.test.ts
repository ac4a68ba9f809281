import { describe, expect, test } from '@jest/globals';
import { Prng } from '../../base/prng.js';
import { IMAGES } from '../../guest/images.js';
import { createMemoryHost } from '../memory-devices.js';
import { parsePcpuList } from './pcpu-list.js';
import { parseDomainConfigText } from './parse-domain-config.js';

const context = { pcpus: 4, images: IMAGES };
const MINIMAL = 'name = "a"\nuuid = "a"\nkernel = "web"\nmemory = 4\n';

const WHOLE = `# A web shop.
name = "shop"           # shown to people
uuid = 'dom-1'; type = "pv"
kernel = "web"
cmdline = "quiet \\x41\\101\\"\\\\"
memory = 256
maxmem = 0x200
vcpus = 2
maxvcpus = 4
cpus = "0-3,^1"
cpus_soft = ["2"]
cpu_weight = 512
cap = 150
pool = "Pool-0"
on_poweroff = "destroy"
on_reboot = "restart"
on_watchdog = "coredump-restart"
on_crash = "rename-restart"
max_grant_frames = 32
max_maptrack_frames = 0
max_event_channels = 255
disk = [
  'vol-1,raw,xvda,w',   # the first
  "target=vol-2, vdev=xvdb, access=ro",
]
disk += [ 'vol-3,,xvdc,rw' ]
`;

describe('the text of an xl.cfg', () => {
  test('L14 every key that makes sense here is read, with lists, comments, escapes and numbers of all kinds', () => {
    const parsed = parseDomainConfigText(WHOLE, context);
    expect(parsed).toEqual({
      ok: true,
      value: {
        name: 'shop',
        id: 'dom-1',
        image: IMAGES.web,
        commandLine: 'quiet AA"\\',
        memoryFrames: 256 * 256,
        memoryFramesMax: 512 * 256,
        vcpus: 2,
        vcpusMax: 4,
        cpus: [0, 2, 3],
        cpusSoft: [2],
        weight: 512,
        cap: 150,
        onPoweroff: 'destroy',
        onReboot: 'restart',
        onWatchdog: 'coredump-restart',
        onCrash: 'rename-restart',
        maxGrantFrames: 32,
        maxMaptrackFrames: 0,
        maxEventChannels: 255,
        volumes: [
          { volumeId: 'vol-1', readOnly: false },
          { volumeId: 'vol-2', readOnly: true },
          { volumeId: 'vol-3', readOnly: false },
        ],
      },
    });
  });

  test('L14 what was read can be built', () => {
    const { host } = createMemoryHost({ pcpus: 4, frames: 1 << 18, xenFrames: 256, seed: 1 });
    for (const id of ['vol-1', 'vol-2', 'vol-3']) host.openVolume({ id, sizeBytes: 1n << 20n });
    const parsed = parseDomainConfigText(WHOLE, context);
    const built = parsed.ok ? host.createDomain(parsed.value) : parsed;
    expect(built).toMatchObject({ ok: true });
    expect(host.list().find((d) => d.id === 'dom-1')).toMatchObject({
      name: 'shop',
      weight: 512,
      cap: 150,
      memoryFrames: 65_536,
      memoryFramesMax: 131_072,
      volumeIds: ['vol-1', 'vol-2', 'vol-3'],
    });
  });

  test('L14 root and extra make the command line, the id may come from the owner, one vCPU is the default', () => {
    const text = 'name="a"\nkernel="idle"\nmemory="16"\nroot="/dev/xvda1"\nextra="single"';
    expect(parseDomainConfigText(text, { ...context, id: 'x' })).toMatchObject({
      ok: true,
      value: { id: 'x', vcpus: 1, memoryFrames: 4096, commandLine: 'root=/dev/xvda1 single' },
    });
  });

  test.each([
    ['ramdisk = "/boot/initrd"', 'line 5: ramdisk: not supported on this host'],
    ['vif = [ "bridge=xenbr0" ]', 'line 5: vif: not supported on this host'],
    ['on_soft_reset = "destroy"', 'line 5: on_soft_reset: not supported on this host'],
    ['colour = "red"', 'line 5: colour: unknown key'],
    ['constructor = 1', 'line 5: constructor: unknown key'],
    ['__proto__ = 1', 'line 5: __proto__: unknown key'],
    ['type = "hvm"', 'line 5: type: pv, got "hvm"'],
    ['pool = "fast"', 'line 5: pool: Pool-0, got "fast"'],
    ['cap = 9999', 'line 5: cap: 0 (none) to 6400 percent, got 9999'],
    ['cap = -1', 'line 5: cap: 0 (none) to 6400 percent, got -1'],
    ['cap = "much"', 'line 5: cap: a number expected'],
    ['cpu_weight = 65536', 'line 5: cpu_weight: weight: 1 to 65535, got 65536'],
    ['vcpus = 33', 'line 5: vcpus: 1 to 32, got 33'],
    ['maxmem = 3', 'line 5: maxmem: memoryFramesMax: at least memoryFrames (1024), got 768'],
    ['maxmem = 0', 'line 5: maxmem: 1 to 16777216 MiB, got 0'],
    ['memory = 8', 'line 5: memory: given before, on line 4'],
    ['on_crash = "explode"', 'line 5: on_crash: destroy, restart, rename-restart, preserve,'],
    ['cpus = "0-4"', 'line 5: cpus: pCPU 0 to 3, got 0-4'],
    ['cpus = "nodes:0"', 'line 5: cpus: nodes are not supported'],
    ['cpus = ["0", "1"]', 'line 5: cpus: one set for all vCPUs, got a list of 2'],
    ['disk = "vol,raw,xvda,w"', 'line 5: disk: a list expected'],
    ['disk = [ "vol,qcow2,xvda,w" ]', 'line 5: disk[0]: format: raw, got "qcow2"'],
    ['disk = [ "vol,raw,xvdb,w" ]', 'line 5: disk[0]: vdev: xvda, as disks come in order, got "xvdb"'],
    ['disk = [ "/dev/vg/lv,raw,xvda,w" ]', 'line 5: disk[0]: target: id: only A-Z a-z 0-9 . _ -'],
    ['disk = [ "vol,raw,xvda,x" ]', 'line 5: disk[0]: access: r, ro, w or rw, got "x"'],
    ['disk = [ "vol,raw,xvda,w,backend=dom1" ]', 'line 5: disk[0]: target, format, vdev, access expected'],
    ['disk = [ "v,raw,xvda,w", "v,raw,xvdb,w" ]', 'line 5: disk: volumes: one volume is named twice'],
    ['\ndisk = [ "v,raw,xvda,w"', 'line 6: , or ] in the list of disk expected, got the end of the line'],
    ['cmdline = "never ends', 'line 5: " at the end of the text of cmdline expected'],
    ['cmdline = "\\q"', 'line 5: an escape in cmdline expected, got "q"'],
    ['cmdline = quiet', 'line 5: a text in quotes, a number or a list for cmdline expected, got "quiet"'],
    ['cmdline = "a" extra = "b"', 'line 5: the end of the line after cmdline expected, got "e"'],
    ['cmdline = "a"\nextra = "b"', 'line 5: cmdline: not together with root or extra'],
    ['cap 5', 'line 5: = after cap expected, got "5"'],
    ['9lives = 1', 'line 5: a key expected'],
    ['vcpus = 99999999999999999999', 'line 5: vcpus: at most 9007199254740991, got 99999999999999999999'],
    ['name += [1]', 'line 5: name: += needs two texts or two lists'],
  ])('L14 %j is refused, naming line, key, limit and value', (line, detail) => {
    const refused = parseDomainConfigText(MINIMAL + line, context);
    expect(refused).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(refused.ok ? '' : refused.detail).toContain(detail);
  });

  test('L14 += joins texts and lists, and is = where nothing was given before', () => {
    const text = `${MINIMAL}vcpus += 2\ncmdline = "a"\ncmdline += " b"`;
    expect(parseDomainConfigText(text, context)).toMatchObject({
      ok: true,
      value: { vcpus: 2, commandLine: 'a b' },
    });
  });

  test.each(['name', 'uuid', 'kernel', 'memory'])('L14 %s has to be given', (key) => {
    const text = MINIMAL.split('\n').filter((line) => !line.startsWith(key));
    expect(parseDomainConfigText(text.join('\n'), context)).toMatchObject({
      ok: false,
      detail: `${key}: has to be given`,
    });
  });

  test('L14 random and mangled texts are answered, never thrown out of, and too long ones are refused', () => {
    const seed = 5150;
    const prng = new Prng(seed);
    let read = 0;
    for (let round = 0; round < 3000; round += 1) {
      const letters = [...WHOLE];
      for (let i = prng.below(4); i >= 0; i -= 1) {
        const at = prng.below(letters.length);
        if (prng.below(2) === 0) letters.splice(at, prng.below(8));
        else letters.splice(at, 0, prng.pick(['"', "'", '[', ']', '=', '\n', '#', '\\', '\u0000', '9', ';']));
      }
      const parsed = parseDomainConfigText(letters.join(''), context);
      if (parsed.ok) read += 1;
      else if (!/^(line \d+: )?[\w [\]]+/.test(parsed.detail))
        throw new Error(`seed ${seed}, round ${round}: ${parsed.detail}`);
    }
    expect(read).toBeGreaterThan(100);
    expect(parseDomainConfigText('#'.repeat(70_000), context)).toMatchObject({ errno: 'EINVAL' });
  });

  test('L14 pCPU lists are those of xl: all, numbers, ranges, and exclusions from what is named or from all', () => {
    expect(parsePcpuList('all', 3)).toEqual([0, 1, 2]);
    expect(parsePcpuList('0-2,5,^1', 8)).toEqual([0, 2, 5]);
    expect(parsePcpuList('^0', 3)).toEqual([1, 2]);
    expect(parsePcpuList('0,^0', 3)).toContain('at least one');
    expect(parsePcpuList('2-1', 3)).toContain('pCPU 0 to 2');
  });
});
