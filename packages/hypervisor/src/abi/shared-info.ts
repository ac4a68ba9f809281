/**
 * The page a domain shares with Xen (public/xen.h, x86-64): offsets in bytes. Numbers are little-endian. Bit `n` of a
 * bitmap is bit `n & 7` of its byte `n >> 3`, which is bit `n & 63` of its 64-bit word `n >> 6`.
 */
export const SHARED_INFO = {
  bytes: 4096,
  /** `vcpu_info[v]` begins at `v * vcpuBytes`; the next offsets are within it. */
  vcpuBytes: 64,
  vcpusMax: 32,
  upcallPending: 0,
  upcallMask: 1,
  /** One bit for each 64-bit word of the pending bitmap. */
  pendingSelector: 8,
  timeVersion: 32,
  tscTimestamp: 40,
  systemTime: 48,
  tscToSystemMul: 56,
  tscShift: 60,
  /** From here on, of the page. */
  eventPending: 2048,
  eventMask: 2560,
  wallClockVersion: 3072,
  wallClockSeconds: 3076,
  wallClockNanoseconds: 3080,
  wallClockSecondsHigh: 3084,
} as const;

/** The page as its guest reaches it, byte by byte: outside of it a load answers 0 and a store does nothing. */
export interface SharedPage {
  load(offset: number): number;
  store(offset: number, byte: number): void;
}

/** A virtual TSC ticks once in a nanosecond: (ticks << 1) * mul >> 32 is ticks. */
export const TSC_SCALE = { mul: 0x8000_0000, shift: 1 } as const;
