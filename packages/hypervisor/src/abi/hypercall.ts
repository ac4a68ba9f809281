import type { ShutdownReason } from './power.js';

/** The numbers of Xen's hypercalls that this host has (public/xen.h). Guests name them; the numbers are for tools. */
export const HYPERCALL_NUMBERS = {
  mmu_update: 1,
  memory_op: 12,
  multicall: 13,
  update_va_mapping: 14,
  set_timer_op: 15,
  xen_version: 17,
  console_io: 18,
  grant_table_op: 20,
  vcpu_op: 24,
  mmuext_op: 26,
  sched_op: 29,
  event_channel_op: 32,
  sysctl: 35,
  domctl: 36,
} as const;

export type HypercallName = keyof typeof HYPERCALL_NUMBERS;

/**
 * A call into Xen: its name, its command and the fields of Xen's argument structure, lists standing for arrays.
 * Everything in it was written by a guest; the dispatcher copies it in, field by field.
 */
export interface Hypercall {
  op: HypercallName;
  cmd?: string;
  [field: string]: unknown;
}

/** What Xen copies out beside the return code. */
export interface HypercallResult {
  /** 0 or more, or a negative errno. */
  rc: number;
  readonly [field: string]: unknown;
}

/** The return code (a negative Xen errno, or the call's number), or that with what was copied out. */
export type HypercallAnswer = number | HypercallResult;

/** The return code of any answer. */
export function returnCode(answer: unknown): number {
  return typeof answer === 'object' && answer !== null ? (answer as HypercallResult).rc : Number(answer);
}

export const SHUTDOWN_REASONS: readonly ShutdownReason[] = ['poweroff', 'reboot', 'crash'];
