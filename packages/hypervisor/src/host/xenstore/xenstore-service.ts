import { type Answer, answer, refuse } from '../../abi/errno.js';
import type { GuestImage } from '../../abi/guest.js';
import type { XenstoreFrontend } from '../../abi/xs-wire.js';
import { xenstoredImage } from '../../backend/xenstored.js';
import type { Domain } from '../../domain/domain.js';
import { latin1 } from '../../guest/text.js';
import { absolutePath, homeOf } from '../../xenstore/path.js';
import { formatPermission } from '../../xenstore/permissions.js';
import { TOOLSTACK } from '../../xenstore/xenstore.js';
import { connectChannel } from '../build-events.js';
import type { Machine } from '../machine.js';
import {
  type DomainFacts,
  putText,
  removeDomainNodes,
  renameDomainNodes,
  writeDomainNodes,
  writeMemoryTarget,
  writeStoreNodes,
} from './domain-nodes.js';

/** One node for tools, as `xenstore-ls -fp` shows it: bytes that do not print are written \xNN. */
export interface XenstoreListing {
  path: string;
  value: string;
  /** `n0`, `r5`: the owner first. */
  permissions: string[];
}

/**
 * Design: joins domains with xenstored, and does what the toolstack does with the store. Each domain gets a page of its
 * own (a kernel frame, or one of Xen's when the domain is too small for one) and a channel to xenstored's domain.
 * Invariants: what the toolstack wrote for a domain goes with it; a domain that was not introduced was not announced.
 */
export class XenstoreService {
  private driver: Domain | null = null;
  /** Ports of xenstored, and whose other end they are. */
  private readonly domains = new Map<number, number>();
  private readonly ports = new Map<number, number>();
  /** Ports whose first event may be that of their binding, which nobody rang. */
  private readonly bound = new Set<number>();

  constructor(private readonly machine: Machine) {
    machine.memoryTargetChanged = (domain) => writeMemoryTarget(machine.xenstore.store, domain);
  }

  get image(): GuestImage {
    const { xenstore } = this.machine;
    return xenstoredImage({
      rang: (port) => this.rang(port),
      take: () => {
        const work = xenstore.take();
        if (work === null) return null;
        const payer = this.machine.domains.get(work.domId);
        const billed = payer !== undefined && !payer.identity.driver;
        return { ns: work.ns, onBehalfOf: billed ? work.domId : undefined };
      },
      finish: () => xenstore.finish(),
    });
  }

  /** This domain is xenstored from now on. */
  start(driver: Domain): void {
    this.driver = driver;
    putText(this.machine.xenstore.store, '/tool/xenstored/domid', String(driver.identity.domId));
  }

  /** Writes a new domain's nodes and connects it; xenstored's own domain has no connection. ENOSPC: no free port. */
  open(domain: Domain, facts: DomainFacts): Answer<XenstoreFrontend> {
    const { xenstore, frames } = this.machine;
    const { domId } = domain.identity;
    xenstore.store.addDomain(domId);
    writeDomainNodes(xenstore.store, domain, facts);
    const { driver } = this;
    if (driver === null) return answer({ page: new Uint8Array(0), port: 0 });
    const channel = connectChannel(domain, driver);
    if (!channel.ok) return refuse(channel.errno, channel.detail);
    const { portA, portB } = channel.value;
    this.domains.set(portB, domId);
    this.ports.set(domId, portB);
    this.bound.add(portB);
    const frame = domain.space.allocateKernelFrame('xenstore');
    const page = frame === null ? new Uint8Array(4096) : frames.bytesOf(frame);
    xenstore.connect(domId, { page: () => page, notify: () => void driver.events.send(portB) });
    writeStoreNodes(xenstore.store, domId, { port: portA, frame });
    return answer({ page, port: portA });
  }

  /** The domain is built: watchers of `@introduceDomain` hear of it. */
  introduce(): void {
    this.machine.xenstore.store.fireSpecial('@introduceDomain');
  }

  /** The domain is dead: its connection, its nodes and what the toolstack wrote for it go. */
  close(domain: Domain): void {
    const { domId } = domain.identity;
    const { xenstore } = this.machine;
    const port = this.ports.get(domId);
    if (port !== undefined) {
      this.driver?.events.closeAny(port);
      this.domains.delete(port);
      this.bound.delete(port);
      this.ports.delete(domId);
    }
    xenstore.disconnect(domId);
    removeDomainNodes(xenstore.store, domain);
  }

  release(): void {
    this.machine.xenstore.store.fireSpecial('@releaseDomain');
  }

  renamed(domain: Domain, fromId: string): void {
    renameDomainNodes(this.machine.xenstore.store, domain, fromId);
  }

  private rang(port: number): void {
    const domId = this.domains.get(port);
    if (domId === undefined) return;
    const { xenstore } = this.machine;
    const connection = xenstore.connectionOf(domId);
    if (this.bound.delete(port) && connection?.mayReceive === false && !connection.asksToReconnect) return;
    xenstore.kick(domId);
  }

  /** Whether the guest announced that it obeys `control/shutdown`. */
  listensForShutdown({ identity: { domId } }: Domain): boolean {
    const flag = this.machine.xenstore.store.read(TOOLSTACK, `${homeOf(domId)}/control/feature-poweroff`);
    return flag.ok && latin1(flag.value) === '1';
  }

  askToShutDown({ identity: { domId } }: Domain): void {
    putText(this.machine.xenstore.store, `${homeOf(domId)}/control/shutdown`, 'poweroff');
  }

  /** EINVAL: not a path; ENOENT. */
  list(path: string): Answer<XenstoreListing[]> {
    const absolute = absolutePath(0, path);
    if (absolute === null) return refuse('EINVAL', `path: ${path.slice(0, 100)} is none`);
    const lines = this.machine.xenstore.store.list(absolute);
    if (lines === null) return refuse('ENOENT', `path: ${absolute}`);
    return answer(
      lines.map((line) => ({
        path: line.path,
        value: printable(line.value),
        permissions: line.permissions.map(formatPermission),
      })),
    );
  }
}

function printable(value: Uint8Array): string {
  return latin1(value).replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
