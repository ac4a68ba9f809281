import {
  BLOCK_SECTOR_BYTES,
  type BlockFrontend,
  type BlockOp,
  type BlockRequest,
  type BlockResponse,
} from '../abi/block.js';
import type { SocketCommand, SocketFrontend, SocketResponse } from '../abi/sockets.js';
import type { Reservation } from '../allowance/allowances.js';
import { BlockBackend, type BlockLink } from '../backend/block-backend.js';
import { SocketBackend } from '../backend/socket-backend.js';
import { SocketLink } from '../backend/socket-link.js';
import type { Domain } from '../domain/domain.js';
import { LIMITS } from '../limits.js';
import { RequestRing } from '../ring/request-ring.js';
import type { Machine, Volume } from './machine.js';

const NOTHING_RESERVED: Reservation = { acts: [], held: [], at: 0 };

interface DomainLinks {
  blocks: BlockLink[];
  sockets: SocketLink;
}

/**
 * Design: joins frontends and backends. For each device of a domain it makes the ring and the event channel of both
 * ends, and it is where an act of a backend meets admission and the meters of the domain or volume it is for.
 */
export class Devices {
  readonly block: BlockBackend;
  readonly sockets: SocketBackend;
  /** The driver domains, once the toolstack has built them. */
  drivers: { block: Domain | null; sockets: Domain | null } = { block: null, sockets: null };
  private readonly links = new Map<number, DomainLinks>();

  constructor(private readonly machine: Machine) {
    const { disk, uplink } = machine.config.devices;
    this.block = new BlockBackend({
      disk,
      admit: (link, op, bytes) => this.admitDisk(link, op, bytes),
      done: (link, op, bytes, reservation) => this.meterDisk(link, op, bytes, reservation as Reservation),
      failed: (reservation) => machine.allowances.release(reservation as Reservation, false),
      wakeDriver: () => this.wake(this.drivers.block),
    });
    this.sockets = new SocketBackend({
      uplink,
      meter: (link, direction, bytes) => this.meterSocket(link, direction, bytes),
      bindPort: (link, deliver) => machine.domains.get(link.domId)?.events.bind(deliver) ?? null,
      unbindPort: (link, port) => machine.domains.get(link.domId)?.events.unbind(port),
      notify: (link, port) => this.notify(link.domId, port),
      wakeDriver: () => this.wake(this.drivers.sockets),
    });
    machine.releaseHolds = () => {
      this.block.releaseHolds();
      this.sockets.releaseHolds();
    };
  }

  /** Both ends of a domain's devices; the answer is what its guest finds. */
  connect(domain: Domain, volumes: readonly { volume: Volume; readOnly: boolean }[]) {
    const disks: BlockFrontend[] = [];
    const blocks: BlockLink[] = [];
    for (const { volume, readOnly } of volumes) {
      const { front, back } = this.connectBlock(domain, volume, readOnly);
      disks.push(front);
      blocks.push(back);
    }
    const { front: sockets, back } = this.connectSockets(domain);
    this.links.set(domain.identity.domId, { blocks, sockets: back });
    return { disks, sockets };
  }

  disconnect(domain: Domain): void {
    const links = this.links.get(domain.identity.domId);
    if (links === undefined) return;
    for (const link of links.blocks) this.block.close(link);
    this.sockets.close(links.sockets);
    this.links.delete(domain.identity.domId);
  }

  private connectBlock(
    domain: Domain,
    volume: Volume,
    readOnly: boolean,
  ): { front: BlockFrontend; back: BlockLink } {
    const ring = new RequestRing<BlockRequest, BlockResponse>(LIMITS.blockRingRequestsMax);
    const sectors = Number(volume.sizeBytes / BigInt(BLOCK_SECTOR_BYTES));
    const { domId, id } = domain.identity;
    const port = domain.events.bind(() => this.block.kick(back)) as number;
    const back: BlockLink = {
      domId,
      domainId: id,
      volumeId: volume.id,
      sectors,
      readOnly,
      ring,
      notify: () => this.notify(domId, port),
      closed: false,
      ready: false,
      held: false,
    };
    return { front: { volumeId: volume.id, sectors, readOnly, ring, port }, back };
  }

  private connectSockets(domain: Domain): { front: SocketFrontend; back: SocketLink } {
    const ring = new RequestRing<SocketCommand, SocketResponse>(LIMITS.socketRingCommandsMax);
    const { domId, id } = domain.identity;
    const port = domain.events.bind(() => this.sockets.kick(back)) as number;
    const back = new SocketLink(domId, id, ring, () => this.notify(domId, port));
    return { front: { ring, port }, back };
  }

  private notify(domId: number, port: number): void {
    const domain = this.machine.domains.get(domId);
    if (domain !== undefined) this.machine.notify(domain, port, 0);
  }

  private wake(driver: Domain | null): void {
    // Port 0 is the driver's own interrupt: a device or a frontend has something for it.
    if (driver !== null) this.machine.notify(driver, 0, 0);
  }

  private admitDisk(link: BlockLink, op: BlockOp, bytes: number): Reservation | null {
    if (op === 'flush') return NOTHING_RESERVED;
    const resourceId = link.volumeId;
    return this.machine.allowances.admit([
      { resourceId, meter: `disk.${op}.bytes`, quantity: BigInt(bytes) },
      { resourceId, meter: `disk.${op}.ops`, quantity: 1n },
    ]);
  }

  private meterDisk(link: BlockLink, op: BlockOp, bytes: number, reservation: Reservation): void {
    const incarnation = this.machine.volumes.get(link.volumeId)?.incarnation;
    const metered = op !== 'flush' && incarnation !== undefined;
    if (metered) {
      incarnation.add(`disk.${op}.bytes`, BigInt(bytes));
      incarnation.add(`disk.${op}.ops`, 1n);
    }
    this.machine.allowances.release(reservation, metered);
  }

  private meterSocket(link: SocketLink, direction: 'rx' | 'tx', bytes: number): boolean {
    const incarnation = this.machine.domains.get(link.domId)?.incarnation;
    // A domain that has not started has no data ring; one that ended keeps none.
    if (incarnation === null || incarnation === undefined) return false;
    const meter = `net.public.${direction}.bytes` as const;
    const quantity = BigInt(bytes);
    const reservation = this.machine.allowances.admit([{ resourceId: link.domainId, meter, quantity }]);
    if (reservation === null) return false;
    incarnation.add(meter, quantity);
    this.machine.allowances.release(reservation, true);
    return true;
  }
}
