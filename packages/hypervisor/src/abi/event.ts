/** Virtual interrupts (public/xen.h). */
export const VIRQ = {
  TIMER: 0,
  DEBUG: 1,
  CONSOLE: 2,
  DOM_EXC: 3,
  TBUF: 4,
  DEBUGGER: 6,
  XENOPROF: 7,
  CON_RING: 8,
  PCPU_STATE: 9,
  MEM_EVENT: 10,
  ARGO: 11,
  ENOMEM: 12,
  XENPMU: 13,
} as const;

export const VIRQS = 24;

/** `vcpu`: each vCPU has its own; `domain`: one in each domain; `global`: one on the host, for one domain. */
export type VirqKind = 'vcpu' | 'domain' | 'global';

export function virqKindOf(virq: number): VirqKind {
  if (virq === VIRQ.TIMER || virq === VIRQ.DEBUG || virq === VIRQ.XENOPROF || virq === VIRQ.XENPMU)
    return 'vcpu';
  return virq === VIRQ.ARGO ? 'domain' : 'global';
}

/** What `event_channel_op` status answers (public/event_channel.h). */
export const EVENT_STATUS = { closed: 0, unbound: 1, interdomain: 2, pirq: 3, virq: 4, ipi: 5 } as const;

/** Ports of the two-level bitmaps (64 words of 64 bits), and of the event queues; port 0 is never valid. */
export const TWO_LEVEL_PORTS = 4096;
export const QUEUED_PORTS = 131_072;

/**
 * The event queues of FIFO event channels (public/event_channel.h): a 32-bit word for each port, and in each vCPU's
 * control block the ready bits (word 0) and the head of each queue (from word 2 on).
 */
export const EVENT_WORD = {
  pending: 0x8000_0000,
  masked: 0x4000_0000,
  linked: 0x2000_0000,
  linkMask: 0x1_ffff,
} as const;
export const EVENT_QUEUE = { priority: 7, ready: 0, heads: 2, controlWords: 18 } as const;

/** What Xen and a domain with event queues share. `words` grows with the ports in use. */
export interface EventQueuePages {
  words: Uint32Array;
  /** One control block for each vCPU. */
  readonly controls: readonly Uint32Array[];
}
