import { LIMITS } from '../limits.js';

/** One end of a channel. `deliver` wakes whoever listens at the other end. */
interface Port {
  deliver: () => void;
}

/**
 * Design: the ports of one domain. A pending port is a bit, not a queue: sends coalesce until the guest takes it.
 * Invariant: a port number is never given out twice in a domain's life.
 */
export class EventChannels {
  private readonly ports = new Map<number, Port>();
  private readonly pending = new Set<number>();
  private nextPort = 1;

  get anyPending(): boolean {
    return this.pending.size > 0;
  }

  /** A port whose `send` calls `deliver`; null when the domain has too many. */
  bind(deliver: () => void): number | null {
    if (this.ports.size >= LIMITS.eventPortsPerDomainMax) return null;
    const port = this.nextPort;
    this.nextPort += 1;
    this.ports.set(port, { deliver });
    return port;
  }

  /** Sends through a port of this domain; false when it has no such port. */
  send(port: unknown): boolean {
    if (typeof port !== 'number') return false;
    const found = this.ports.get(port);
    if (found === undefined) return false;
    found.deliver();
    return true;
  }

  /** Closes a port; what is already pending on it is still seen. */
  unbind(port: number): void {
    this.ports.delete(port);
  }

  raise(port: number): void {
    this.pending.add(port);
  }

  takePending(): number[] {
    const taken = [...this.pending];
    this.pending.clear();
    return taken;
  }

  close(): void {
    this.ports.clear();
    this.pending.clear();
  }
}
