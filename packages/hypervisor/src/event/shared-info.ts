import { TWO_LEVEL_PORTS } from '../abi/event.js';
import { SHARED_INFO, TSC_SCALE } from '../abi/shared-info.js';
import { type EventSignals, type Signal, SIGNAL } from './event-signal.js';

const { vcpuBytes, upcallPending, upcallMask, pendingSelector, eventPending, eventMask } = SHARED_INFO;

/**
 * Design: Xen's side of the shared info page: two-level event bits, upcall flags and clocks. The bytes are the state; Xen
 * keeps no copy, and whatever the domain writes there harms only itself.
 * Invariants (Xen common/event_2l.c): an event that is pending already is not signalled again; an upcall is raised when a
 * bit of the vCPU's selector goes from 0 to 1.
 */
export class SharedInfo implements EventSignals {
  readonly ports = TWO_LEVEL_PORTS;
  private page: Uint8Array;
  private view: DataView;

  constructor(page: Uint8Array = new Uint8Array(SHARED_INFO.bytes)) {
    this.page = page;
    this.view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    // As the domain builder leaves it: upcalls are masked until the guest lets them through.
    for (let v = 0; v < SHARED_INFO.vcpusMax; v += 1) page[v * vcpuBytes + upcallMask] = 1;
  }

  get bytes(): Uint8Array {
    return this.page;
  }

  /** Goes on in another page, with the same contents. */
  moveTo(page: Uint8Array): void {
    page.set(this.page);
    this.page = page;
    this.view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  }

  /** The domain gives the page back: what is left is Xen's own. */
  leavePage(): void {
    this.moveTo(new Uint8Array(SHARED_INFO.bytes));
  }

  open(): void {
    // Every port has its bits.
  }

  set(port: number, vcpu: number): Signal {
    const { page } = this;
    const bit = 1 << (port & 7);
    const at = eventPending + (port >> 3);
    const was = page[at] as number;
    if ((was & bit) !== 0) return SIGNAL.coalesced;
    page[at] = was | bit;
    if (((page[eventMask + (port >> 3)] as number) & bit) !== 0) return SIGNAL.pending;
    return this.select(port, vcpu) ? SIGNAL.upcall : SIGNAL.pending;
  }

  clear(port: number): void {
    const at = eventPending + (port >> 3);
    this.page[at] = (this.page[at] as number) & ~(1 << (port & 7));
  }

  isPending(port: number): boolean {
    return ((this.page[eventPending + (port >> 3)] as number) & (1 << (port & 7))) !== 0;
  }

  unmask(port: number, vcpu: number): boolean {
    const at = eventMask + (port >> 3);
    this.page[at] = (this.page[at] as number) & ~(1 << (port & 7));
    return this.isPending(port) && this.select(port, vcpu);
  }

  /** Sets the upcall of a vCPU; false when it was set. */
  markUpcall(vcpu: number): boolean {
    const at = vcpu * vcpuBytes + upcallPending;
    if (this.page[at] !== 0) return false;
    this.page[at] = 1;
    return true;
  }

  hasUpcall(vcpu: number): boolean {
    return this.page[vcpu * vcpuBytes + upcallPending] !== 0;
  }

  /** Whether an upcall is pending that the vCPU lets through. */
  isDeliverable(vcpu: number): boolean {
    return this.hasUpcall(vcpu) && this.page[vcpu * vcpuBytes + upcallMask] === 0;
  }

  unmaskUpcall(vcpu: number): void {
    this.page[vcpu * vcpuBytes + upcallMask] = 0;
  }

  /** Brings the clock of a vCPU up to now. The version is odd while the fields change. */
  setTime(vcpu: number, nowNs: bigint): void {
    const at = vcpu * vcpuBytes;
    const version = (this.view.getUint32(at + SHARED_INFO.timeVersion, true) | 1) >>> 0;
    this.view.setUint32(at + SHARED_INFO.timeVersion, version, true);
    this.view.setBigUint64(at + SHARED_INFO.tscTimestamp, nowNs, true);
    this.view.setBigUint64(at + SHARED_INFO.systemTime, nowNs, true);
    this.view.setUint32(at + SHARED_INFO.tscToSystemMul, TSC_SCALE.mul, true);
    this.view.setInt8(at + SHARED_INFO.tscShift, TSC_SCALE.shift);
    this.view.setUint32(at + SHARED_INFO.timeVersion, (version + 1) >>> 0, true);
  }

  /** The time of day at system time 0, in ns since 1970. */
  setWallClock(atBootNs: bigint): void {
    const seconds = atBootNs / 1_000_000_000n;
    const version = (this.view.getUint32(SHARED_INFO.wallClockVersion, true) | 1) >>> 0;
    this.view.setUint32(SHARED_INFO.wallClockVersion, version, true);
    this.view.setUint32(SHARED_INFO.wallClockSeconds, Number(seconds & 0xffff_ffffn), true);
    this.view.setUint32(SHARED_INFO.wallClockNanoseconds, Number(atBootNs % 1_000_000_000n), true);
    this.view.setUint32(SHARED_INFO.wallClockSecondsHigh, Number(seconds >> 32n), true);
    this.view.setUint32(SHARED_INFO.wallClockVersion, (version + 1) >>> 0, true);
  }

  private select(port: number, vcpu: number): boolean {
    const word = port >> 6;
    const at = vcpu * vcpuBytes + pendingSelector + (word >> 3);
    const was = this.page[at] as number;
    const bit = 1 << (word & 7);
    if ((was & bit) !== 0) return false;
    this.page[at] = was | bit;
    return true;
  }
}
