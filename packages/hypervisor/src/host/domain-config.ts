import type { DomId, GuestImage } from '../abi/guest.js';
import type { PauseCause, PowerState, ShutdownReason } from '../abi/power.js';

/** What the toolstack builds. */
export interface DomainConfig {
  /** Shown to people; 1 to 64 printable characters. */
  name: string;
  /** The owner's id of the domain: 1 to 64 of [A-Za-z0-9._-]; no live domain of this host may have it. */
  id: string;
  vcpus: number;
  /** Share under contention, per vCPU, 1 to 65535; default 256. */
  weight?: number;
  /** Ceiling in percent of one pCPU, 0 for none; default 0. */
  cap?: number;
  memoryFrames: number;
  /** Ceiling of `memoryFrames`; default the same. */
  memoryFramesMax?: number;
  /** Open volumes to attach, in order: the first is the guest's first disk. */
  volumes?: readonly { volumeId: string; readOnly?: boolean }[];
  image: GuestImage;
  /** The operator's control domain: it may command the others (domctl). Default false. */
  privileged?: boolean;
  commandLine?: string;
}

export interface VolumeConfig {
  /** The owner's id of the volume: 1 to 64 of [A-Za-z0-9._-]. */
  id: string;
  /** A multiple of 512. */
  sizeBytes: bigint;
}

/** One line of `host.list()`. */
export interface DomainInfo {
  domId: DomId;
  name: string;
  id: string;
  driver: boolean;
  power: PowerState;
  holds: PauseCause[];
  shutdownReason: ShutdownReason | null;
  crashMessage: string;
  /** Six characters as `xl list` prints them. */
  stateLetters: string;
  vcpus: number;
  weight: number;
  cap: number;
  effectiveCap: number;
  memoryFrames: number;
  memoryFramesMax: number;
  volumeIds: string[];
  /** The serial of its incarnation; null before the first unpause. */
  incarnationSerial: number | null;
  cpuNs: bigint;
}

export interface VolumeInfo {
  id: string;
  sizeBytes: bigint;
  attachedTo: DomId | null;
  incarnationSerial: number;
}
