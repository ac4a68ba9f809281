import type { DiskPort, UplinkPort } from '../abi/device-ports.js';

export interface HostConfig {
  name?: string;
  pcpus: number;
  /** All machine frames of 4 KiB. */
  frames: number;
  /** Frames Xen keeps for itself; they are never a domain's. */
  xenFrames: number;
  /** Fixes everything the host draws at random. */
  seed: number;
  /** The time of day when the host starts, in ns since 1970, for the guests' wall clock; 0 when nobody says. */
  wallClockAtBootNs?: bigint;
  devices: { disk: DiskPort; uplink: UplinkPort };
}

/** Counters of the machine itself, since it started. */
export interface HostStats {
  /** Times a pCPU took up a vCPU for a slice. */
  slices: number;
  contextSwitches: number;
  hypercalls: number;
  guestExits: number;
  eventsSent: number;
  runnableVcpus: number;
  blockRequests: number;
  socketChunks: number;
}
