/**
 * The published CPU model: what each kind of work costs, in nominal nanoseconds of a pCPU. The same work costs the
 * same on any day and host. A change of any figure is a new version.
 *
 * A nominal pCPU is a quarter of a core of the reference machine, so that four busy pCPUs fit one real core: a figure
 * is calibrated to four times what the act takes there (`hypervisor.model_over_measured`, within 0.5 to 2).
 *
 * `own` figures are charged to the domain that runs, `onbehalf` ones to the domain a driver domain works for,
 * `overhead` ones to nobody (the host). The cost of a hypercall is own:
 * `hypercallEntryNs` + `callNs` + what its elements cost, for as many of them as were looked at.
 */
export const CPU_MODEL = {
  version: 2,
  /** own: the least any guest pays for leaving the CPU once, so that no exit is free. */
  guestExitNs: 6_000n,
  /** own: entering and leaving Xen, for any hypercall, an unknown one included. */
  hypercallEntryNs: 1_500n,
  hypercall: {
    /** `updateNs`: one request of the list, checked, validated and written. */
    mmu_update: { callNs: 1_000n, updateNs: 1_100n },
    update_va_mapping: { callNs: 4_000n },
    /** `entryNs`: one entry of a table that is validated by a pin, or let go of by the last unpin. */
    mmuext_op: { callNs: 1_000n, opNs: 4_000n, entryNs: 6_000n },
    /** `extentNs`: one extent of the list; `frameNs`: one frame given, taken or exchanged. */
    memory_op: { callNs: 2_000n, extentNs: 1_200n, frameNs: 1_200n },
    /** `sendNs`: what a send costs beyond the call: the peer's bits are set and its vCPU is woken. */
    event_channel_op: { callNs: 1_000n, sendNs: 1_500n },
    grant_table_op: {
      callNs: 1_000n,
      mapNs: 6_000n,
      unmapNs: 5_500n,
      copyNs: 3_000n,
      copyPerKibNs: 200n,
      transferNs: 8_000n,
      /** `setup_table`: one frame of the table. */
      frameNs: 1_000n,
      queryNs: 1_000n,
    },
    /** `portNs`: one port of a poll. */
    sched_op: { callNs: 1_500n, portNs: 500n },
    vcpu_op: { callNs: 3_000n },
    set_timer_op: { callNs: 2_000n },
    xen_version: { callNs: 1_500n },
    /** `entryNs`: one call of the list, before what that call costs (its entry into Xen is saved). */
    multicall: { callNs: 2_000n, entryNs: 4_000n },
    console_io: { callNs: 6_000n, perKibNs: 3_000n },
    domctl: { callNs: 4_000n },
    sysctl: { callNs: 4_000n },
  },
  /**
   * onbehalf: xenstored. `kickNs`: looking at a domain's ring; `requestNs`: one request answered, on top; `nodeNs`: each
   * node looked at or changed; `perKibNs`: the bytes moved; `watchNs`: one watch that fires, charged to who caused it.
   */
  xenstore: { kickNs: 4_000n, requestNs: 15_000n, perKibNs: 3_000n, nodeNs: 1_000n, watchNs: 6_000n },
  /**
   * own: giving the CPU to another (yield), or away until something happens (block, poll), and coming back. It is paid
   * whether or not somebody else runs meanwhile.
   */
  yieldNs: 8_000n,
  blockNs: 14_000n,
  /** overhead: changing the vCPU on a pCPU when nobody has paid for it: at the end of a slice, and for a newcomer. */
  contextSwitchNs: 4_000n,
  /**
   * overhead: Xen's part of building a domain. What the toolstack does beside it (xenstore, booting the image) is not a
   * pCPU's work, as in Xen, and takes a few times as long on the real machine.
   */
  domainBuildNs: 200_000n,
  domainBuildPerFrameNs: 2n,
  /** overhead: taking a domain down. */
  domainDestroyNs: 100_000n,
  domainDestroyPerFrameNs: 2n,
  /** onbehalf: a backend that was rung looks at a ring and finds nothing new. */
  ringLookNs: 16_000n,
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
  guestXenstoreCallNs: 2_000n,
  guestBytesPerKibNs: 100n,
  /** own: parsing and answering one HTTP request of image `web`, before what the request asks for. */
  webRequestNs: 50_000n,
} as const;

/** The cost of `bytes` at a price for each started KiB. */
export function perKib(costNs: bigint, bytes: number): bigint {
  return costNs * BigInt((bytes + 1023) >> 10);
}
