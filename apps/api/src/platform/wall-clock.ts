import { Injectable } from '@nestjs/common';

/**
 * The only reader of real time in the API. Tests replace it to move time without waiting.
 */
@Injectable()
export class WallClock {
  /** The present instant, to the millisecond. */
  now(): Date {
    return new Date();
  }

  /** Nanoseconds since 1970-01-01T00:00:00Z; as fine as the system's clock, which is microseconds at best. */
  nowNs(): bigint {
    return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  }
}

/** Milliseconds since 1970 for what only needs an order, such as ids; never for money or periods. */
export function wallMilliseconds(): number {
  return Date.now();
}
