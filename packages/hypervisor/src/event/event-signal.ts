/** What became of an event: it was pending already, it is pending, or its vCPU has an upcall to make for it. */
export const SIGNAL = { coalesced: 0, pending: 1, upcall: 2 } as const;
export type Signal = (typeof SIGNAL)[keyof typeof SIGNAL];

/** How a domain is told of events: bits it shares with Xen, which it may change at any time. */
export interface EventSignals {
  /** Ports are numbered below this. */
  readonly ports: number;
  /** A channel of this number exists from now on. */
  open(port: number): void;
  set(port: number, vcpu: number): Signal;
  clear(port: number): void;
  isPending(port: number): boolean;
  /** Lets a port through again; true when the vCPU has an upcall to make for it. */
  unmask(port: number, vcpu: number): boolean;
}
