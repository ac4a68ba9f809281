import type { DomId, GuestImage } from '../abi/guest.js';
import type { PauseCause, PowerState, ShutdownReason } from '../abi/power.js';

/**
 * What the host does when a domain ends. `restart`: builds it again, a new domain number and a new life under the same
 * id. `rename-restart`: keeps the ended one beside it under another name and id. `coredump-*`: also keeps a record of an
 * end that was no crash. `preserve`: nothing; the owner decides.
 */
export type EndAction =
  'destroy' | 'restart' | 'rename-restart' | 'preserve' | 'coredump-destroy' | 'coredump-restart';

/** What the toolstack builds. */
export interface DomainConfig {
  /** Shown to people; 1 to 64 printable characters. */
  name: string;
  /** The owner's id of the domain: 1 to 64 of [A-Za-z0-9._-]; no live domain of this host may have it. */
  id: string;
  vcpus: number;
  /** How many it may have when its guest brings up more, up to 32; default `vcpus`. */
  vcpusMax?: number;
  /** Share under contention, per vCPU, 1 to 65535; default 256. */
  weight?: number;
  /** Ceiling in percent of one pCPU, 0 for none; default 0. */
  cap?: number;
  /** Its event channels at most, 1 to 4095; default 1023. */
  maxEventChannels?: number;
  /** Frames of its grant table at most, 512 entries each, 1 to 1024; default 64. */
  maxGrantFrames?: number;
  /** What it may map of others' grants, in frames of 256 mappings, 0 to 4096; default 1024. */
  maxMaptrackFrames?: number;
  /** pCPUs where its vCPUs may execute, as `cpus` of xl.cfg; default all. */
  cpus?: readonly number[];
  /** pCPUs where they would rather, as `cpus_soft`; default all. */
  cpusSoft?: readonly number[];
  memoryFrames: number;
  /** Ceiling of `memoryFrames`; default the same. */
  memoryFramesMax?: number;
  /** It has page tables of its own, checked by Xen, instead of a map that Xen keeps. Default false. */
  pageTables?: boolean;
  /** Open volumes to attach, in order: the first is the guest's first disk. */
  volumes?: readonly { volumeId: string; readOnly?: boolean }[];
  image: GuestImage;
  /** The operator's control domain: it may command the others (domctl). Default false. */
  privileged?: boolean;
  commandLine?: string;
  /** By reason of the end; default `preserve`. */
  onPoweroff?: EndAction;
  onReboot?: EndAction;
  onCrash?: EndAction;
  onWatchdog?: EndAction;
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
  /** Destroyed, and others still hold references to its frames. */
  dying: boolean;
  vcpus: number;
  weight: number;
  cap: number;
  effectiveCap: number;
  /** Frames it owns now. */
  memoryFrames: number;
  memoryFramesMax: number;
  /** What it was asked to balloon to. */
  memoryTargetFrames: number;
  /** Frames of others that it has mapped through grants, and frames of its own that others have; each once. */
  grantFramesHeld: number;
  grantFramesLent: number;
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
