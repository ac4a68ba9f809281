import {
  BLOCK_SECTOR_BYTES,
  BLOCK_STATUS,
  type BlockOp,
  type BlockRequest,
  type BlockResponse,
} from '../abi/block.js';
import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import type { DiskPort } from '../abi/device-ports.js';
import type { Guest, GuestImage, StartInfo } from '../abi/guest.js';
import type { RingBack } from '../abi/ring.js';
import { coroutineGuest, type GuestRoutine } from '../guest/coroutine.js';
import { LIMITS } from '../limits.js';

/** One virtual block device, from the backend's side. */
export interface BlockLink {
  readonly domId: number;
  readonly domainId: string;
  readonly volumeId: string;
  readonly sectors: number;
  readonly readOnly: boolean;
  readonly ring: RingBack<BlockRequest, BlockResponse>;
  /** The driver domain's end of its event channel; 0 before it is bound. */
  port: number;
  closed: boolean;
  ready: boolean;
  held: boolean;
  /** It has been rung before: the first time is the binding of its channel. */
  rung?: boolean;
}

/** What Xen and the toolstack do for this backend: admission and metering. */
export interface BlockServices {
  disk: DiskPort;
  /** Null when an allowance cannot pay for it: the frontend is held until `releaseHolds`. */
  admit(link: BlockLink, op: BlockOp, bytes: number): object | null;
  /** The act took place: meters it and gives the reservation back. */
  done(link: BlockLink, op: BlockOp, bytes: number, reservation: object): void;
  /** The act did not take place. */
  failed(reservation: object): void;
  /** Raises the interrupt of the driver domain. */
  interrupt(): void;
  /** The driver domain sends through its port. */
  send(port: number): void;
}

interface InFlight {
  link: BlockLink;
  request: { id: number; op: BlockOp; bytes: number };
  reservation: object;
  completion: { ok: boolean; data: Uint8Array | undefined } | null;
}

/**
 * Design: the block driver domain. Frontends that rang wait in one queue and are served one request at a time in turn.
 * A request is checked, admitted, paid for in CPU on behalf of its domain, and handed to the owner's disk; the
 * completion is paid for in the same way, metered and answered.
 * Invariants: bytes passed = bytes metered; a request is answered at most once; nothing in a ring is trusted.
 */
export class BlockBackend {
  private readonly links = new Map<number, BlockLink>();
  private readonly ready: BlockLink[] = [];
  private readonly held = new Set<BlockLink>();
  private readonly inFlight = new Map<number, InFlight>();
  private readonly completed: number[] = [];
  private nextRequest = 1;
  readonly passed = { readBytes: 0n, writeBytes: 0n };
  requests = 0;

  constructor(private readonly services: BlockServices) {}

  get image(): GuestImage {
    return { name: 'blkback', boot: (info) => this.boot(info) };
  }

  /** A frontend is connected through the driver domain's `port`. */
  open(link: BlockLink, port: number): void {
    link.port = port;
    this.links.set(port, link);
  }

  /** Allowances have changed: every held frontend is tried again. */
  releaseHolds(): void {
    const held = [...this.held];
    this.held.clear();
    for (const link of held) {
      link.held = false;
      this.enqueue(link);
    }
    if (held.length > 0) this.services.interrupt();
  }

  /** The owner's answer to a submission. False when there is no such request. */
  complete(requestId: number, ok: boolean, data: Uint8Array | undefined): boolean {
    const entry = this.inFlight.get(requestId);
    if (entry === undefined || entry.completion !== null) return false;
    const wrongLength = entry.request.op === 'read' && ok && data?.length !== entry.request.bytes;
    entry.completion = { ok: ok && !wrongLength, data };
    this.completed.push(requestId);
    this.services.interrupt();
    return true;
  }

  busy(volumeId: string): boolean {
    for (const { link } of this.inFlight.values()) if (link.volumeId === volumeId) return true;
    return false;
  }

  close(link: BlockLink): void {
    link.closed = true;
    this.held.delete(link);
    this.links.delete(link.port);
  }

  private enqueue(link: BlockLink): void {
    if (link.closed || link.ready || link.held) return;
    link.ready = true;
    this.ready.push(link);
  }

  private boot(info: StartInfo): Guest {
    return coroutineGuest(() => this.main(info));
  }

  private *main(info: StartInfo): GuestRoutine {
    for (;;) {
      for (const port of info.takePendingPorts()) {
        const rang = this.links.get(port);
        if (rang === undefined) continue;
        const isNews = !rang.rung || (!rang.held && rang.ring.requests > 0);
        rang.rung = true;
        if (!isNews) yield { do: 'work', ns: CPU_MODEL.ringLookNs, onBehalfOf: rang.domId };
        else this.enqueue(rang);
      }
      const requestId = this.completed.shift();
      if (requestId !== undefined) {
        yield* this.finish(requestId);
        continue;
      }
      const link = this.ready.shift();
      if (link === undefined) {
        yield { do: 'block' };
        continue;
      }
      link.ready = false;
      yield* this.serve(link);
    }
  }

  private *serve(link: BlockLink): GuestRoutine {
    if (link.closed || link.held || link.ring.requests === 0) return;
    const checked = checkRequest(link, link.ring.peekRequest());
    if (checked === null) {
      const id = idOf(link.ring.takeRequest());
      yield { do: 'work', ns: CPU_MODEL.blockRequestNs, onBehalfOf: link.domId };
      this.respond(link, { id, status: BLOCK_STATUS.ERROR });
      this.enqueue(link);
      return;
    }
    const { op, bytes, data } = checked;
    const reservation = this.services.admit(link, op, bytes);
    if (reservation === null) {
      link.held = true;
      this.held.add(link);
      return;
    }
    link.ring.takeRequest();
    this.requests += 1;
    const requestId = this.nextRequest;
    this.nextRequest += 1;
    const request = { id: checked.id, op, bytes };
    this.inFlight.set(requestId, { link, request, reservation, completion: null });
    yield {
      do: 'work',
      ns: CPU_MODEL.blockRequestNs + perKib(CPU_MODEL.blockPerKibNs, bytes),
      onBehalfOf: link.domId,
    };
    if (link.closed) {
      this.inFlight.delete(requestId);
      this.services.failed(reservation);
      return;
    }
    const offsetBytes = BigInt(checked.sector) * BigInt(BLOCK_SECTOR_BYTES);
    this.services.disk.submit({
      requestId,
      volumeId: link.volumeId,
      op,
      offsetBytes,
      lengthBytes: bytes,
      data,
    });
    if (link.ring.requests > 0) this.enqueue(link);
  }

  private *finish(requestId: number): GuestRoutine {
    const entry = this.inFlight.get(requestId) as InFlight;
    const { link, request, reservation } = entry;
    yield { do: 'work', ns: CPU_MODEL.blockCompletionNs, onBehalfOf: link.domId };
    this.inFlight.delete(requestId);
    const { ok, data } = entry.completion as { ok: boolean; data: Uint8Array | undefined };
    if (!ok) {
      this.services.failed(reservation);
      this.respond(link, { id: request.id, status: BLOCK_STATUS.ERROR });
      return;
    }
    if (request.op === 'read') this.passed.readBytes += BigInt(request.bytes);
    if (request.op === 'write') this.passed.writeBytes += BigInt(request.bytes);
    this.services.done(link, request.op, request.bytes, reservation);
    this.respond(link, {
      id: request.id,
      status: BLOCK_STATUS.OKAY,
      data: request.op === 'read' ? data : undefined,
    });
  }

  private respond(link: BlockLink, response: BlockResponse): void {
    if (link.closed) return;
    link.ring.respond(response);
    this.services.send(link.port);
  }
}

function idOf(request: BlockRequest | undefined): number {
  return typeof request?.id === 'number' ? request.id : -1;
}

interface CheckedRequest {
  id: number;
  op: BlockOp;
  sector: number;
  bytes: number;
  data: Uint8Array | undefined;
}

/** A copy of a sound request; null for one outside the device, of a wrong shape, or writing to a read-only device. */
function checkRequest(link: BlockLink, request: BlockRequest | undefined): CheckedRequest | null {
  if (typeof request !== 'object' || request === null) return null;
  const { id, op, sector, sectors, data } = request;
  if (!Number.isSafeInteger(id)) return null;
  if (op === 'flush') return { id, op, sector: 0, bytes: 0, data: undefined };
  if (op !== 'read' && op !== 'write') return null;
  if (!Number.isSafeInteger(sector) || !Number.isSafeInteger(sectors)) return null;
  if (sector < 0 || sectors < 1 || sectors > LIMITS.blockRequestSectorsMax || sector + sectors > link.sectors)
    return null;
  const bytes = sectors * BLOCK_SECTOR_BYTES;
  if (op === 'read') return { id, op, sector, bytes, data: undefined };
  if (link.readOnly || !(data instanceof Uint8Array) || data.length !== bytes) return null;
  return { id, op, sector, bytes, data: data.slice() };
}
