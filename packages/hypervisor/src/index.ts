export { Host, type HostSample } from './host/host.js';
export { createMemoryHost, MemoryDisk, type PeerView, ScriptedUplink } from './host/memory-devices.js';
export type { HostConfig, HostStats } from './host/host-config.js';
export type { DomainConfig, DomainInfo, EndAction, VolumeConfig, VolumeInfo } from './host/domain-config.js';
export type { CrashRecord, VcpuFacts } from './host/lifecycle/crash-record.js';
export { type ConfigContext, parseDomainConfigText } from './host/xl-config/parse-domain-config.js';
export type { TrailEntry } from './domain/hypercall-trail.js';
export type { HostEvent } from './host/host-events.js';
export type { XenstoreListing } from './host/xenstore/xenstore-service.js';
export type {
  AllowancePolicy,
  AllowanceRenewal,
  AllowanceSpec,
  AllowanceStatus,
  AllowanceStep,
  AllowanceWeight,
} from './allowance/allowance-spec.js';
export { ALLOWANCE_STEP_NS } from './allowance/allowances.js';
export {
  DOMAIN_METERS,
  type DomainMeter,
  type Meter,
  METER_VECTOR_VERSION,
  METERS,
  type ResourceKind,
  VOLUME_METERS,
  type VolumeMeter,
} from './meter/vector.js';
export type { MeterReading } from './meter/reading.js';
export type { BackendBalance, FrameBalance, PcpuBalance, TrialBalance } from './meter/trial-balance.js';
export type { DiskPort, DiskSubmission, UplinkCloseReason, UplinkPort } from './abi/device-ports.js';
export { type Answer, ERRNO, type ErrnoName } from './abi/errno.js';
export { POWER_STATES, type PauseCause, type PowerState, type ShutdownReason } from './abi/power.js';
export { BLOCK_SECTOR_BYTES, type BlockOp } from './abi/block.js';
export { CPU_MODEL } from './abi/cpu-model.js';
export type { DomId, Guest, GuestExit, GuestImage, StartInfo } from './abi/guest.js';
export { coroutineGuest, type GuestEffect, type GuestRoutine } from './guest/coroutine.js';
export { IMAGES, type ImageName } from './guest/images.js';
export { AssertionFailure } from './base/assert.js';
export { LIMITS } from './limits.js';
export { EVENT_STATUS, VIRQ } from './abi/event.js';
export { SHARED_INFO, type SharedPage } from './abi/shared-info.js';
export { maskPort, unmaskPort } from './guest/shared-info.js';
