import type { Answer } from '../abi/errno.js';

/** What Xen tells a privileged domain about another (domctl getdomaininfo). */
export interface DomainControlInfo {
  domId: number;
  /** Xen's flags: dying 1, shutdown 4, paused 8, blocked 16, running 32; the shutdown code in bits 16 to 23. */
  flags: number;
  totPages: number;
  maxPages: number;
  outstandingPages: number;
  cpuTimeNs: bigint;
  onlineVcpus: number;
  maxVcpuId: number;
}

export interface VcpuControlInfo {
  online: boolean;
  blocked: boolean;
  running: boolean;
  cpuTimeNs: bigint;
  /** The pCPU it runs on, or ran on last. */
  cpu: number;
}

export interface PhysicalInfo {
  pcpus: number;
  totalPages: number;
  freePages: number;
  outstandingPages: number;
}

/** The toolstack as a privileged domain reaches it. All of these answer ESRCH for a domain that is not there. */
export interface DomainControl {
  info(domId: number): Answer<DomainControlInfo>;
  vcpuInfo(domId: number, vcpu: number): Answer<VcpuControlInfo>;
  pause(domId: number): Answer<null>;
  unpause(domId: number): Answer<null>;
  destroy(domId: number): Answer<null>;
  setMaxMemory(domId: number, frames: number): Answer<null>;
  setWeight(domId: number, weight: number): Answer<null>;
  setCap(domId: number, cap: number): Answer<null>;
  setAffinity(domId: number, vcpu: number, hard: readonly number[]): Answer<null>;
  physicalInfo(): PhysicalInfo;
  /** Nanoseconds each pCPU has idled. */
  idleNs(): bigint[];
}
