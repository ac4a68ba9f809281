import type { DiskPort, DiskSubmission, UplinkPort } from '../abi/device-ports.js';
import { joinBytes } from '../guest/text.js';
import { Host } from './host.js';
import type { HostConfig } from './host-config.js';

/** A disk that keeps its sectors in memory and answers when told to, or at once. For tests, benches and replays. */
export class MemoryDisk implements DiskPort {
  private readonly contents = new Map<string, Uint8Array>();
  readonly waiting: DiskSubmission[] = [];
  /** Answer each submission at once. */
  immediate = true;
  /** Ids of volumes whose transfers fail. */
  readonly broken = new Set<string>();
  host: Host | null = null;

  submit(submission: DiskSubmission): void {
    if (this.immediate) this.perform(submission);
    else this.waiting.push(submission);
  }

  /** Answers the oldest waiting transfers. */
  answer(count = this.waiting.length): void {
    for (const submission of this.waiting.splice(0, count)) this.perform(submission);
  }

  contentOf(volumeId: string, offset: number, length: number): Uint8Array {
    return this.volume(volumeId, offset + length).slice(offset, offset + length);
  }

  private perform({ requestId, volumeId, op, offsetBytes, lengthBytes, data }: DiskSubmission): void {
    if (this.broken.has(volumeId)) {
      this.host?.completeDisk(requestId, 'error');
      return;
    }
    const offset = Number(offsetBytes);
    if (op === 'write' && data !== undefined) this.volume(volumeId, offset + lengthBytes).set(data, offset);
    const read = op === 'read' ? this.contentOf(volumeId, offset, lengthBytes) : undefined;
    this.host?.completeDisk(requestId, 'ok', read);
  }

  private volume(volumeId: string, length: number): Uint8Array {
    const old = this.contents.get(volumeId) ?? new Uint8Array(0);
    if (old.length >= length) return old;
    const grown = new Uint8Array(length);
    grown.set(old);
    this.contents.set(volumeId, grown);
    return grown;
  }
}

/** What a scripted peer of a connection has seen of the domain. */
export interface PeerView {
  received: Uint8Array;
  receivedBytes: number;
  /** The domain sends no more. */
  ended: boolean;
  closed: boolean;
  /** How many bytes the peer may send now. */
  window: number;
}

/** A network whose peers are driven by a script. For tests, benches and replays. */
export class ScriptedUplink implements UplinkPort {
  readonly listening = new Map<string, number>();
  readonly peers = new Map<number, PeerView>();
  /** Give send space back at once; off, the peer does not read. */
  reading = true;
  /** Keep what was received, beside counting it. */
  keeping = true;
  host: Host | null = null;
  private nextConnection = 1;

  listen({ listenId, resourceId, guestPort }: Parameters<UplinkPort['listen']>[0]): void {
    this.listening.set(`${resourceId}:${guestPort}`, listenId);
  }

  unlisten(listenId: number): void {
    for (const [name, id] of this.listening) if (id === listenId) this.listening.delete(name);
  }

  send(connectionId: number, bytes: Uint8Array): void {
    const peer = this.peers.get(connectionId);
    if (peer === undefined) return;
    peer.receivedBytes += bytes.length;
    if (this.keeping) peer.received = joinBytes(peer.received, bytes);
    if (this.reading) this.host?.uplinkSent(connectionId, bytes.length);
  }

  shut(connectionId: number): void {
    const peer = this.peers.get(connectionId);
    if (peer !== undefined) peer.ended = true;
  }

  close(connectionId: number): void {
    const peer = this.peers.get(connectionId);
    if (peer !== undefined) peer.closed = true;
  }

  window(connectionId: number, bytes: number): void {
    const peer = this.peers.get(connectionId);
    if (peer !== undefined) peer.window += bytes;
  }

  /** Connects to a domain's port; null when nobody listens or the host refuses. */
  connect(resourceId: string, guestPort: number, windowBytes: number): number | null {
    const listenId = this.listening.get(`${resourceId}:${guestPort}`);
    if (listenId === undefined || this.host === null) return null;
    const connectionId = this.nextConnection;
    this.nextConnection += 1;
    const received = new Uint8Array(0);
    this.peers.set(connectionId, {
      received,
      receivedBytes: 0,
      ended: false,
      closed: false,
      window: windowBytes,
    });
    return this.host.uplinkAccepted(listenId, connectionId).ok ? connectionId : null;
  }

  /** Sends what the window allows; the answer is how many bytes went. */
  transmit(connectionId: number, bytes: Uint8Array): number {
    const peer = this.peers.get(connectionId);
    if (peer === undefined || this.host === null) return 0;
    const part = bytes.subarray(0, Math.min(bytes.length, peer.window));
    if (part.length === 0 || !this.host.uplinkReceived(connectionId, part).ok) return 0;
    peer.window -= part.length;
    return part.length;
  }
}

/** A host whose disk and network live in memory. */
export function createMemoryHost(config: Omit<HostConfig, 'devices'>) {
  const disk = new MemoryDisk();
  const uplink = new ScriptedUplink();
  const host = new Host({ ...config, devices: { disk, uplink } });
  disk.host = host;
  uplink.host = host;
  return { host, disk, uplink };
}
