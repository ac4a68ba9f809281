/**
 * A guest's memory as its instructions reach it: virtual addresses through the page tables under the executing vCPU's
 * base pointer (`pageTables`), or guest-physical addresses of an auto-translated domain. What is not mapped, or not
 * writable, is a fault: null or false, with nothing done. One access is at most 1 MiB.
 */
export interface GuestMemory {
  readonly pageTables: boolean;
  load(address: bigint | number, length: number): Uint8Array | null;
  store(address: bigint | number, bytes: Uint8Array): boolean;
}

/** What a domain with page tables of its own finds at boot; addresses are virtual. */
export interface BootstrapLayout {
  /** Guest frame `n` is mapped at `virtualBase + n * 4096`. */
  virtualBase: number;
  /** The top level table, and how many tables there are; they are mapped read-only. */
  tableBase: number;
  tableFrames: number;
  /** The machine frame of each guest frame, 8 bytes each. */
  machineFrameList: number;
}
