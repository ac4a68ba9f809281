/**
 * The published CPU model: what each kind of work costs, in nominal nanoseconds of a pCPU. The same work costs the
 * same on any day and host. A change of any figure is a new version.
 *
 * `own` figures are charged to the domain that runs, `onbehalf` ones to the domain a driver domain works for,
 * `overhead` ones to nobody (the host).
 */
export const CPU_MODEL = {
  version: 1,
  /** own: the least any guest pays for leaving the CPU once, so that no exit is free. */
  guestExitNs: 2_000n,
  /** own: entering and leaving Xen, for any hypercall. */
  hypercallEntryNs: 1_000n,
  /** own: delivering one event. */
  eventSendNs: 1_000n,
  /** overhead: changing the vCPU on a pCPU. */
  contextSwitchNs: 2_000n,
  /** overhead: building a domain. */
  domainBuildNs: 200_000n,
  domainBuildPerFrameNs: 2n,
  /** overhead: taking a domain down. */
  domainDestroyNs: 100_000n,
  /** onbehalf: block backend, one request in and its completion out. */
  blockRequestNs: 6_000n,
  blockCompletionNs: 4_000n,
  blockPerKibNs: 100n,
  /** onbehalf: socket backend, one command and one chunk of a stream. */
  socketCommandNs: 4_000n,
  socketChunkNs: 4_000n,
  socketPerKibNs: 150n,
  /** own: the guest kernel's calls of the coroutine guests. */
  guestSocketCallNs: 1_000n,
  guestBlockCallNs: 2_000n,
  guestBytesPerKibNs: 100n,
  /** own: parsing and answering one HTTP request of image `web`, before what the request asks for. */
  webRequestNs: 50_000n,
} as const;

/** The cost of `bytes` at a price for each started KiB. */
export function perKib(costNs: bigint, bytes: number): bigint {
  return costNs * BigInt((bytes + 1023) >> 10);
}
