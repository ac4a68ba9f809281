import type { Domain } from '../../domain/domain.js';
import { utf8 } from '../../guest/text.js';
import { homeOf } from '../../xenstore/path.js';
import type { Access } from '../../xenstore/permissions.js';
import { TOOLSTACK, type Xenstore } from '../../xenstore/xenstore.js';
import { assert } from '../../base/assert.js';

const KIB_PER_FRAME = 4;
const EMPTY = new Uint8Array(0);

/** Nodes of a home that the domain itself may write (libxl's rwperm). */
const WRITABLE = [
  'control/shutdown',
  'control/feature-poweroff',
  'control/feature-reboot',
  'control/feature-suspend',
  'control/sysrq',
  'device/suspend/event-channel',
  'data',
  'error',
];

/** What the toolstack knows of a domain when it builds it. */
export interface DomainFacts {
  imageName: string;
  commandLine: string;
  vcpusOnline: number;
  nowNs: bigint;
}

/** `/vm/<id>`; a dot of the owner's id, which no path may have, is written `@2e`. */
export function vmPathOf(id: string): string {
  return `/vm/${id.replaceAll('.', '@2e')}`;
}

/** What Xen's toolstack writes when it builds a domain (docs/misc/xenstore-paths): its home and its `/vm`. */
export function writeDomainNodes(store: Xenstore, domain: Domain, facts: DomainFacts): void {
  const { domId, name, id, driver } = domain.identity;
  const home = homeOf(domId);
  makeReadable(store, home, domId);
  const put = (path: string, value: string): void => putText(store, `${home}/${path}`, value);
  put('vm', vmPathOf(id));
  put('name', name);
  put('domid', String(domId));
  put('memory/target', String(domain.memoryTargetFrames * KIB_PER_FRAME));
  put('memory/static-max', String(domain.memoryFramesMax * KIB_PER_FRAME));
  for (const vcpu of domain.vcpus)
    put(`cpu/${vcpu.id}/availability`, vcpu.id < facts.vcpusOnline ? 'online' : 'offline');
  for (const path of [...WRITABLE, ...(driver ? ['backend'] : [])]) {
    putText(store, `${home}/${path}`, '');
    setOwner(store, `${home}/${path}`, domId, 'n');
  }
  writeVmNodes(store, domain, facts);
}

/** Where the domain finds the store's page and port. */
export function writeStoreNodes(
  store: Xenstore,
  domId: number,
  link: { port: number; frame: number | null },
): void {
  const home = homeOf(domId);
  putText(store, `${home}/store/port`, String(link.port));
  if (link.frame !== null) putText(store, `${home}/store/ring-ref`, String(link.frame));
}

export function removeDomainNodes(store: Xenstore, { identity: { domId, id } }: Domain): void {
  for (const path of [homeOf(domId), vmPathOf(id)]) store.remove(TOOLSTACK, path);
}

/** The domain goes on under another name and id. */
export function renameDomainNodes(store: Xenstore, domain: Domain, fromId: string): void {
  const { domId, name, id } = domain.identity;
  const old = store.list(vmPathOf(fromId)) ?? [];
  const to = vmPathOf(id);
  makeReadable(store, to, domId);
  for (const { path, value } of old) store.write(TOOLSTACK, to + path.slice(vmPathOf(fromId).length), value);
  putText(store, `${to}/uuid`, id);
  putText(store, `${to}/name`, name);
  store.remove(TOOLSTACK, vmPathOf(fromId));
  putText(store, `${homeOf(domId)}/name`, name);
  putText(store, `${homeOf(domId)}/vm`, to);
}

export function writeMemoryTarget(store: Xenstore, domain: Domain): void {
  const path = `${homeOf(domain.identity.domId)}/memory/target`;
  putText(store, path, String(domain.memoryTargetFrames * KIB_PER_FRAME));
}

export function putText(store: Xenstore, path: string, value: string): void {
  const written = store.write(TOOLSTACK, path, utf8(value));
  assert(written.ok, () => `xenstore: ${path} could not be written: ${written.ok ? '' : written.errno}`);
}

function writeVmNodes(store: Xenstore, domain: Domain, facts: DomainFacts): void {
  const { domId, name, id } = domain.identity;
  const vm = vmPathOf(id);
  makeReadable(store, vm, domId);
  putText(store, `${vm}/uuid`, id);
  putText(store, `${vm}/name`, name);
  putText(store, `${vm}/image`, facts.imageName);
  putText(store, `${vm}/image/cmdline`, facts.commandLine);
  // Xen writes wall-clock seconds; this host has only its own time.
  putText(store, `${vm}/start_time`, String(facts.nowNs));
}

function makeReadable(store: Xenstore, path: string, domId: number): void {
  store.write(TOOLSTACK, path, EMPTY);
  const set = store.setPermissions(TOOLSTACK, path, [
    { domId: 0, access: 'n' },
    { domId, access: 'r' },
  ]);
  assert(set.ok, () => `xenstore: ${path} could not be given to domain ${domId}`);
}

function setOwner(store: Xenstore, path: string, domId: number, others: Access): void {
  const set = store.setPermissions(TOOLSTACK, path, [{ domId, access: others }]);
  assert(set.ok, () => `xenstore: ${path} could not be given to domain ${domId}`);
}
