import { assert } from '../base/assert.js';

/** What a use of a grant pins: the CPU's access or a device's, for reading or for writing too. */
export interface PinKind {
  host: boolean;
  device: boolean;
  write: boolean;
}

/** Xen counts in bytes and refuses as soon as one has its top bit set, so a use can add to two of them safely. */
export const PINS_MAX = 128;

/**
 * An entry in use: Xen's own copy of what the entry said when its use began. What the guest writes into the entry
 * afterwards changes nothing for those who use it.
 * Invariant: at least one counter is above 0, or the grant is not in its table.
 */
export class ActiveGrant {
  hostReaders = 0;
  hostWriters = 0;
  deviceReaders = 0;
  deviceWriters = 0;

  constructor(
    readonly ref: number,
    /** Who may use it. */
    readonly userId: number,
    /** The granter's number of the frame, and the machine's. */
    readonly gfn: number,
    readonly mfn: number,
  ) {}

  get pinned(): boolean {
    return this.hostReaders + this.hostWriters + this.deviceReaders + this.deviceWriters > 0;
  }

  get pinnedForWriting(): boolean {
    return this.hostWriters + this.deviceWriters > 0;
  }

  get saturated(): boolean {
    return (
      this.hostReaders >= PINS_MAX ||
      this.hostWriters >= PINS_MAX ||
      this.deviceReaders >= PINS_MAX ||
      this.deviceWriters >= PINS_MAX
    );
  }

  add({ host, device, write }: PinKind, by: 1 | -1): void {
    if (host && write) this.hostWriters += by;
    else if (host) this.hostReaders += by;
    if (device && write) this.deviceWriters += by;
    else if (device) this.deviceReaders += by;
    assert(
      Math.min(this.hostReaders, this.hostWriters, this.deviceReaders, this.deviceWriters) >= 0,
      () => `grant ${this.ref}: more uses ended than began`,
    );
  }

  sameUses(other: ActiveGrant): boolean {
    return (
      this.hostReaders === other.hostReaders &&
      this.hostWriters === other.hostWriters &&
      this.deviceReaders === other.deviceReaders &&
      this.deviceWriters === other.deviceWriters
    );
  }
}
