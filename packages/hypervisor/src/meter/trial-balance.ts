/** Where every nanosecond of one pCPU went. The five parts sum to `elapsedNs`. */
export interface PcpuBalance {
  pcpu: number;
  elapsedNs: bigint;
  ownNs: bigint;
  onBehalfNs: bigint;
  overheadNs: bigint;
  idleNs: bigint;
  lostNs: bigint;
}

/** Where every frame of the host is. The four parts sum to `totalFrames`. */
export interface FrameBalance {
  totalFrames: number;
  ownedFrames: number;
  /** Frames of dead domains that others still refer to; nobody pays for them. */
  zombieFrames: number;
  freeFrames: number;
  xenFrames: number;
}

/** Bytes that passed one backend beside the bytes charged for them. */
export interface BackendBalance {
  device: 'block.read' | 'block.write' | 'socket.rx' | 'socket.tx';
  passedBytes: bigint;
  chargedBytes: bigint;
}

/** The host's books at one instant; they close to 0 exactly or the sample asserts. */
export interface TrialBalance {
  atNs: bigint;
  pcpus: PcpuBalance[];
  frames: FrameBalance;
  backends: BackendBalance[];
}
