import type { HostFigures } from '@xenorack/xenoserver';

/** The trial balance of a host as the operator sees it: the five parts add up to elapsed x pCPUs. */
export function hostFiguresWire(figures: HostFigures) {
  return {
    at_utc_ns: figures.utcNs,
    balance: {
      elapsed_ns: figures.elapsedNs,
      own_ns: figures.ownNs,
      onbehalf_ns: figures.onBehalfNs,
      overhead_ns: figures.overheadNs,
      idle_ns: figures.idleNs,
      lost_ns: figures.lostNs,
    },
    frames_total: figures.framesTotal,
    frames_free: figures.framesFree,
    frames_xen: figures.framesXen,
    running_domains: figures.domains,
    unacknowledged_batches: figures.unacknowledgedBatches,
  };
}
