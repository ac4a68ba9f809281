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
