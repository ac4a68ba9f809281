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
import { present } from '../base/assert.js';
import { type Answer, answer } from '../abi/errno.js';
import type { Domain } from '../domain/domain.js';
import { LIMITS } from '../limits.js';
import { RequestRing } from '../ring/request-ring.js';
import { connectChannel } from './build-events.js';
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
      interrupt: () => interrupt(this.drivers.block),
      send: (port) => void this.drivers.block?.events.send(port),
    });
    this.sockets = new SocketBackend({
      uplink,
      meter: (link, direction, bytes) => this.meterSocket(link, direction, bytes),
      connect: (link) => this.connectConnection(link),
      closePort: (port) => this.drivers.sockets?.events.closeAny(port),
      closeFront: (link, port) => void machine.domains.get(link.domId)?.events.closePort(port),
      send: (port) => void this.drivers.sockets?.events.send(port),
      interrupt: () => interrupt(this.drivers.sockets),
    });
    machine.releaseHolds = () => {
      this.block.releaseHolds();
      this.sockets.releaseHolds();
    };
  }

  /** Both ends of a domain's devices; the answer is what its guest finds. ENOSPC: too few event channels. */
  connect(
    domain: Domain,
    volumes: readonly { volume: Volume; readOnly: boolean }[],
  ): Answer<{ disks: BlockFrontend[]; sockets: SocketFrontend }> {
    const { domId, id } = domain.identity;
    const ring = new RequestRing<SocketCommand, SocketResponse>(LIMITS.socketRingCommandsMax);
    const links: DomainLinks = { blocks: [], sockets: new SocketLink(domId, id, ring) };
    // A driver domain has no devices but its own.
    if (domain.identity.driver) return answer({ disks: [], sockets: { ring, port: 0 } });
    this.links.set(domId, links);
    const disks: BlockFrontend[] = [];
    for (const { volume, readOnly } of volumes) {
      const front = this.connectBlock(domain, { volume, readOnly }, links);
      if (!front.ok) return front;
      disks.push(front.value);
    }
    const channel = connectChannel(domain, present(this.drivers.sockets, 'driver of sockets'));
    if (!channel.ok) return channel;
    this.sockets.open(links.sockets, channel.value.portB);
    return answer({ disks, sockets: { ring, port: channel.value.portA } });
  }

  disconnect(domain: Domain): void {
    const links = this.links.get(domain.identity.domId);
    if (links === undefined) return;
    for (const link of links.blocks) {
      this.block.close(link);
      this.drivers.block?.events.closeAny(link.port);
    }
    this.sockets.close(links.sockets);
    this.drivers.sockets?.events.closeAny(links.sockets.port);
    this.links.delete(domain.identity.domId);
  }

  private connectBlock(
    domain: Domain,
    { volume, readOnly }: { volume: Volume; readOnly: boolean },
    links: DomainLinks,
  ): Answer<BlockFrontend> {
    const channel = connectChannel(domain, present(this.drivers.block, 'driver of disks'));
    if (!channel.ok) return channel;
    const ring = new RequestRing<BlockRequest, BlockResponse>(LIMITS.blockRingRequestsMax);
    const sectors = Number(volume.sizeBytes / BigInt(BLOCK_SECTOR_BYTES));
    const { domId, id } = domain.identity;
    const { portA: port, portB } = channel.value;
    const back: BlockLink = {
      domId,
      domainId: id,
      volumeId: volume.id,
      sectors,
      readOnly,
      ring,
      port: 0,
      closed: false,
      ready: false,
      held: false,
    };
    links.blocks.push(back);
    this.block.open(back, portB);
    return answer({ volumeId: volume.id, sectors, readOnly, ring, port });
  }

  private connectConnection({ domId }: SocketLink): { frontPort: number; port: number } | null {
    const domain = this.machine.domains.get(domId);
    const driver = this.drivers.sockets;
    if (domain === undefined || driver === null) return null;
    const channel = connectChannel(domain, driver);
    return channel.ok ? { frontPort: channel.value.portA, port: channel.value.portB } : null;
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

/** The device of a driver domain has something for it. */
function interrupt(driver: Domain | null): void {
  if (driver !== null) driver.events.raise(driver.interruptPort);
}
