import { assert } from '../base/assert.js';
import { type Answer, answer, refuse } from '../abi/errno.js';
import type { UplinkCloseReason } from '../abi/device-ports.js';
import type { PauseCause } from '../abi/power.js';
import type { AllowanceSpec, AllowanceStatus } from '../allowance/allowance-spec.js';
import { LIMITS } from '../limits.js';
import { type MeterReading, readIncarnation } from '../meter/reading.js';
import type { TrialBalance } from '../meter/trial-balance.js';
import { METER_VECTOR_VERSION } from '../meter/vector.js';
import { pinVcpu } from './affinity.js';
import { closeBooks } from './conservation.js';
import { Devices } from './devices.js';
import type { DomainConfig, DomainInfo, VolumeConfig, VolumeInfo } from './domain-config.js';
import type { HostConfig, HostStats } from './host-config.js';
import type { HostEvent } from './host-events.js';
import type { CrashRecord } from './lifecycle/crash-record.js';
import { describeDomain } from './list-domains.js';
import { Machine } from './machine.js';
import { Toolstack } from './toolstack.js';
import { ToolstackControl } from './toolstack-control.js';
import { closeVolume, openVolume } from './volumes.js';
import { type XenstoreListing, XenstoreService } from './xenstore/xenstore-service.js';

/** Frames of each driver domain with devices, and of xenstored, which has none. */
const DRIVER_FRAMES = 4096;
const XENSTORED_FRAMES = 512;

/** All live incarnations at one instant, and the host's books closed at that instant. */
export interface HostSample {
  atNs: bigint;
  meterVectorVersion: number;
  readings: MeterReading[];
  balance: TrialBalance;
}

/**
 * One emulated Xen host. It stands still except in `run` and `lose`; everything else takes effect at `nowNs`. Calls
 * answer values; an exception is a broken invariant of the host, and it must not be used afterwards.
 */
export class Host {
  private readonly machine: Machine;
  private readonly devices: Devices;
  private readonly toolstack: Toolstack;
  private readonly xenstore: XenstoreService;

  constructor(config: HostConfig) {
    const { pcpus, frames, xenFrames, seed } = config;
    assert(
      Number.isInteger(pcpus) && pcpus >= 1 && pcpus <= LIMITS.pcpusMax,
      () => `pcpus: 1 to ${LIMITS.pcpusMax}, got ${pcpus}`,
    );
    assert(
      Number.isSafeInteger(frames) && Number.isSafeInteger(xenFrames),
      'frames and xenFrames: whole numbers',
    );
    assert(Number.isInteger(seed), () => `seed: a whole number, got ${seed}`);
    this.machine = new Machine(config);
    this.devices = new Devices(this.machine);
    this.xenstore = new XenstoreService(this.machine);
    this.toolstack = new Toolstack(this.machine, this.devices, this.xenstore);
    this.machine.control = new ToolstackControl(this.machine, this.toolstack);
    // First of all, as the others find it running.
    this.xenstore.start(this.buildDriver(this.xenstore.image, XENSTORED_FRAMES));
    this.devices.drivers.block = this.buildDriver(this.devices.block.image);
    this.devices.drivers.sockets = this.buildDriver(this.devices.sockets.image);
  }

  /** Nanoseconds since the host started. */
  get nowNs(): bigint {
    return this.machine.nowNs;
  }

  /** Lets the host work up to exactly `untilNs`. */
  run(untilNs: bigint): void {
    this.machine.advance(untilNs);
  }

  /**
   * Lets time pass up to exactly `untilNs` in which the real machine did no work: no vCPU executes, each pCPU's span is
   * `lost`. Timers, memory, space and state go on.
   */
  lose(untilNs: bigint): void {
    this.machine.advance(this.machine.nowNs);
    this.machine.sched.beginLost();
    this.machine.advance(untilNs);
    this.machine.sched.endLost();
  }

  createDomain(config: DomainConfig): Answer<number> {
    return this.toolstack.createDomain(config);
  }

  unpause(domId: number, cause?: PauseCause): Answer<null> {
    return this.toolstack.unpause(domId, cause);
  }

  pause(domId: number, cause: PauseCause): Answer<null> {
    return this.toolstack.pause(domId, cause);
  }

  /** Asks the guest to end by itself, which it tells by `domain.shutdown`. ESRCH, EBUSY (held or ended), EOPNOTSUPP. */
  requestShutdown(domId: number): Answer<null> {
    return this.toolstack.requestShutdown(domId);
  }

  shutdownDomain(domId: number, reason: 'poweroff' | 'reboot'): Answer<null> {
    return this.toolstack.shutdownDomain(domId, reason);
  }

  destroyDomain(domId: number): Answer<null> {
    return this.toolstack.destroyDomain(domId);
  }

  setCap(domId: number, cap: number): Answer<null> {
    return this.toolstack.setCap(domId, cap);
  }

  setWeight(domId: number, weight: number): Answer<null> {
    return this.toolstack.setWeight(domId, weight);
  }

  /**
   * Where vCPUs of a domain may execute (`hard`, pCPU numbers, at least one) and where of these they would rather (`soft`,
   * default all), as `xl vcpu-pin`. ESRCH, EINVAL.
   */
  setAffinity(
    domId: number,
    vcpu: number | 'all',
    hard: readonly number[],
    soft?: readonly number[],
  ): Answer<null> {
    return pinVcpu(this.machine, domId, { vcpu, hard, soft });
  }

  /** Per vCPU, hard and soft affinity in force. ESRCH. */
  affinityOf(domId: number): Answer<{ hard: number[]; soft: number[] }[]> {
    const domain = this.machine.domains.get(domId);
    if (domain === undefined) return refuse('ESRCH', `domain ${domId}`);
    return answer(domain.vcpus.map((vcpu) => this.machine.sched.affinityOf(vcpu)));
  }

  /** Frames it may own from now on; may be below what it owns. ESRCH, EINVAL. */
  setMaxMemory(domId: number, frames: number): Answer<null> {
    return this.toolstack.setMaxMemory(domId, frames);
  }

  /** Asks the guest to balloon to so many frames, up to its maximum. ESRCH, EINVAL. */
  setMemoryTarget(domId: number, frames: number): Answer<null> {
    return this.toolstack.setMemoryTarget(domId, frames);
  }

  openVolume(config: VolumeConfig): Answer<null> {
    return openVolume(this.machine, config);
  }

  closeVolume(id: string): Answer<null> {
    return closeVolume(this.machine, this.devices, id);
  }

  /** Sets or replaces an allowance; see `AllowanceSpec`. EINVAL, E2BIG. */
  setAllowance(spec: AllowanceSpec): Answer<AllowanceStatus> {
    return this.machine.allowances.set(spec);
  }

  /** The answer is its last status. ENOENT. */
  removeAllowance(id: string): Answer<AllowanceStatus> {
    return this.machine.allowances.remove(id);
  }

  allowances(): AllowanceStatus[] {
    return this.machine.allowances.list();
  }

  list(): DomainInfo[] {
    this.machine.settleEverything();
    return [...this.machine.domains.values(), ...this.machine.dying.list()].map(describeDomain);
  }

  /** The records of domains that ended badly, of one id or all, oldest first; kept after the domains are gone. */
  crashes(id?: string): CrashRecord[] {
    return this.machine.crashes.list(id);
  }

  listVolumes(): VolumeInfo[] {
    return [...this.machine.volumes.values()].map(({ id, sizeBytes, attachedTo, incarnation }) => ({
      id,
      sizeBytes,
      attachedTo: attachedTo?.identity.domId ?? null,
      incarnationSerial: incarnation.serial,
    }));
  }

  /** The xenstore at and below a path, for tools. EINVAL, ENOENT. */
  xenstoreList(path = '/'): Answer<XenstoreListing[]> {
    return this.xenstore.list(path);
  }

  /** Cumulative readings of all live incarnations at exactly `nowNs`; asserts that the host's books close. */
  sample(): HostSample {
    this.machine.settleEverything();
    const readings: MeterReading[] = [];
    for (const incarnation of this.machine.incarnations.values())
      readings.push(readIncarnation(incarnation, this.nowNs));
    const balance = closeBooks(this.machine, this.devices);
    return { atNs: this.nowNs, meterVectorVersion: METER_VECTOR_VERSION, readings, balance };
  }

  /** What happened since the last call, in order. */
  drainEvents(): HostEvent[] {
    const drained: HostEvent[] = [];
    for (let e = this.machine.events.shift(); e !== undefined; e = this.machine.events.shift())
      drained.push(e);
    return drained;
  }

  stats(): HostStats {
    const { stats, sched } = this.machine;
    return {
      ...stats,
      ...sched.stats,
      blockRequests: this.devices.block.requests,
      socketChunks: this.devices.sockets.chunks,
    };
  }

  /** The disk's answer; reads bring exactly the bytes asked for, or the guest sees an error. ENOENT: no such request. */
  completeDisk(requestId: number, status: 'ok' | 'error', data?: Uint8Array): Answer<null> {
    const known = this.devices.block.complete(requestId, status === 'ok', data);
    return known ? answer(null) : refuse('ENOENT', `disk request ${requestId}`);
  }

  /**
   * A peer connected. The owner chooses `connectionId`, never one that is open. ENOENT, EEXIST, ENOBUFS (the domain has
   * too many), EAGAIN (its backlog is full): the owner closes the connection itself.
   */
  uplinkAccepted(listenId: number, connectionId: number): Answer<null> {
    const result = this.devices.sockets.accepted(listenId, connectionId);
    return result === 0
      ? answer(null)
      : refuse(result, `connection ${connectionId} for listener ${listenId}`);
  }

  /**
   * Bytes from a peer. The answer is how many more may be passed now; stop reading at 0, and go on after
   * `UplinkPort.window`. ENOBUFS, and nothing taken, when there are more than the window allows; ENOTCONN.
   */
  uplinkReceived(connectionId: number, bytes: Uint8Array): Answer<number> {
    const result = this.devices.sockets.received(connectionId, bytes);
    const window = this.devices.sockets.windowOf(connectionId);
    if (result === 'taken') return answer(window);
    if (result === 'gone') return refuse('ENOTCONN', `connection ${connectionId}`);
    return refuse('ENOBUFS', `bytes: at most ${window}, got ${bytes.length}`);
  }

  /** `bytes` passed to `UplinkPort.send` have left: as much space is free again. ENOTCONN. */
  uplinkSent(connectionId: number, bytes: number): Answer<null> {
    if (!Number.isSafeInteger(bytes) || bytes < 0) return refuse('EINVAL', `bytes: at least 0, got ${bytes}`);
    return this.devices.sockets.sent(connectionId, bytes)
      ? answer(null)
      : refuse('ENOTCONN', `connection ${connectionId}`);
  }

  /** The peer sends no more (`end`), or the connection broke (`reset`). ENOTCONN. */
  uplinkClosed(connectionId: number, reason: UplinkCloseReason): Answer<null> {
    const known = this.devices.sockets.peerClosed(connectionId, reason);
    return known ? answer(null) : refuse('ENOTCONN', `connection ${connectionId}`);
  }

  private buildDriver(image: Parameters<Toolstack['createDriverDomain']>[0], frames = DRIVER_FRAMES) {
    const built = this.toolstack.createDriverDomain(image, frames);
    assert(built.ok, () => `frames: too few for the driver domains (${built.ok ? '' : built.detail})`);
    return built.value;
  }
}
