import { type Answer, answer, refuse } from '../abi/errno.js';
import { CPU_MODEL } from '../abi/cpu-model.js';
import { QUEUED_PORTS, VIRQ } from '../abi/event.js';
import type { GuestImage, StartInfo } from '../abi/guest.js';
import type { PauseCause } from '../abi/power.js';
import { Domain } from '../domain/domain.js';
import { LIMITS } from '../limits.js';
import { readIncarnation } from '../meter/reading.js';
import { buildEvents, closeEvents } from './build-events.js';
import { buildGrants, closeGrants } from './build-grants.js';
import { buildMemory, closeMemory } from './build-memory.js';
import { applyAffinity } from './affinity.js';
import { checkCap, checkDomainConfig, checkFrames, checkWeight } from './check-config.js';
import type { Devices } from './devices.js';
import type { DomainConfig } from './domain-config.js';
import { askGuestToEnd } from './lifecycle/ask-guest-to-end.js';
import { pauseCounted, unpauseCounted } from './lifecycle/counted-pause.js';
import { EndActions } from './lifecycle/end-actions.js';
import { retireDomain } from './lifecycle/retire-domain.js';
import type { Machine, Volume } from './machine.js';
import type { XenstoreService } from './xenstore/xenstore-service.js';

interface BuildPlan {
  name: string;
  id: string;
  driver: boolean;
  privileged: boolean;
  vcpus: number;
  vcpusOnline: number;
  maxEventChannels: number;
  maxGrantFrames: number;
  maxMaptrackFrames: number;
  weight: number;
  cap: number;
  memoryFrames: number;
  memoryFramesMax: number;
  pageTables: boolean;
  volumes: { volume: Volume; readOnly: boolean }[];
  image: GuestImage;
  commandLine: string;
}

/**
 * Design: builds, controls and takes down domains and volumes. Each building step leaves how to undo it; a failure
 * undoes what was done in reverse order, so a refused build leaves nothing behind.
 * Invariants: nothing throws for what a caller passes; a domain is built held (`build`) and never charged before that
 * hold is taken away; Xen's own work for building is overhead.
 */
export class Toolstack {
  private lastDomId = 0;
  private readonly endActions: EndActions;

  constructor(
    private readonly machine: Machine,
    private readonly devices: Devices,
    private readonly xenstore: XenstoreService,
  ) {
    this.endActions = new EndActions(machine, this);
  }

  /** EINVAL, EEXIST (id in use), ENODEV (volume not open), EBUSY (volume attached), ENOMEM, EIO (the image failed). */
  createDomain(config: DomainConfig): Answer<number> {
    const fault = checkDomainConfig(config, this.machine.config.pcpus);
    if (fault !== null) return refuse('EINVAL', fault);
    if (this.machine.domainsById.has(config.id) || this.machine.volumes.has(config.id)) {
      return refuse('EEXIST', `id: ${config.id} is in use on this host`);
    }
    const volumes: BuildPlan['volumes'] = [];
    for (const { volumeId, readOnly } of config.volumes ?? []) {
      const volume = this.machine.volumes.get(volumeId);
      if (volume === undefined) return refuse('ENODEV', `volumes: ${volumeId} is not open on this host`);
      if (volume.attachedTo !== null) return refuse('EBUSY', `volumes: ${volumeId} is attached to a domain`);
      if (this.devices.block.busy(volumeId))
        return refuse('EBUSY', `volumes: ${volumeId} has transfers in flight`);
      volumes.push({ volume, readOnly: readOnly ?? false });
    }
    const { name, id, vcpus, memoryFrames, image } = config;
    const built = this.build({
      name,
      id,
      driver: false,
      privileged: config.privileged ?? false,
      vcpus: config.vcpusMax ?? vcpus,
      vcpusOnline: vcpus,
      maxEventChannels: config.maxEventChannels ?? LIMITS.eventChannelsDefault,
      maxGrantFrames: config.maxGrantFrames ?? LIMITS.grantFramesDefault,
      maxMaptrackFrames: config.maxMaptrackFrames ?? LIMITS.maptrackFramesDefault,
      weight: config.weight ?? LIMITS.weightDefault,
      cap: config.cap ?? 0,
      memoryFrames,
      memoryFramesMax: config.memoryFramesMax ?? memoryFrames,
      pageTables: config.pageTables ?? false,
      volumes,
      image,
      commandLine: config.commandLine ?? '',
    });
    if (!built.ok) return built;
    const domId = built.value.identity.domId;
    applyAffinity(this.machine, built.value, config);
    this.endActions.watch(built.value, config);
    this.machine.emit({ type: 'domain.created', atNs: this.machine.nowNs, domId, id, name });
    this.machine.applyPolicies([id]);
    return answer(domId);
  }

  /** A domain of the host itself; it runs at once. */
  createDriverDomain(image: GuestImage, memoryFrames: number): Answer<Domain> {
    const built = this.build({
      name: image.name,
      id: `driver-${image.name}`,
      driver: true,
      privileged: false,
      vcpus: 1,
      vcpusOnline: 1,
      maxEventChannels: QUEUED_PORTS - 1,
      maxGrantFrames: LIMITS.grantFramesDefault,
      maxMaptrackFrames: LIMITS.maptrackFramesMax,
      weight: LIMITS.weightDefault * 4,
      cap: 0,
      memoryFrames,
      memoryFramesMax: memoryFrames,
      pageTables: false,
      volumes: [],
      image,
      commandLine: '',
    });
    if (built.ok) {
      this.machine.driverVcpus += built.value.vcpus.length;
      this.machine.release(built.value, 'build');
    }
    return built;
  }

  /** The first time clears `build`. ESRCH; EINVAL when this cause does not hold it; EPERM for `allowance`. */
  unpause(domId: number, cause: PauseCause = 'build'): Answer<null> {
    const found = this.controllable(domId, cause);
    if (!found.ok) return found;
    if (cause === 'toolstack') return unpauseCounted(this.machine, found.value);
    if (!found.value.holds.has(cause))
      return refuse('EINVAL', `cause: ${cause} does not hold domain ${domId}`);
    this.machine.release(found.value, cause);
    return answer(null);
  }

  /**
   * Holds the domain for one more cause; the same cause holds it once, `toolstack` counts. ESRCH, EPERM, EINVAL for
   * `build`, EOVERFLOW.
   */
  pause(domId: number, cause: PauseCause): Answer<null> {
    if (cause === 'build') return refuse('EINVAL', 'cause: build belongs to the domain builder');
    const found = this.controllable(domId, cause);
    if (!found.ok) return found;
    if (cause === 'toolstack') return pauseCounted(this.machine, found.value);
    this.machine.hold(found.value, cause);
    return answer(null);
  }

  /**
   * Asks the guest to end by itself; it tells so by `domain.shutdown`, when it likes. ESRCH; EBUSY when it is held or
   * has ended, and so can do nothing; EOPNOTSUPP when it does not listen.
   */
  requestShutdown(domId: number): Answer<null> {
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    if (!domain.mayRun) return refuse('EBUSY', `domain ${domId} is ${domain.power}`);
    if (!this.xenstore.listensForShutdown(domain) && !askGuestToEnd(domain))
      return refuse('EOPNOTSUPP', `domain ${domId}: its guest does not listen`);
    this.xenstore.askToShutDown(domain);
    domain.events.markUpcall(0);
    return answer(null);
  }

  /** Stops the guest and keeps its memory; the first end wins. ESRCH. */
  shutdownDomain(domId: number, reason: 'poweroff' | 'reboot'): Answer<null> {
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    this.machine.end(domain, reason, '');
    return answer(null);
  }

  /** Takes a domain down at once; its final reading is in the events. ESRCH; EPERM for a driver domain. */
  destroyDomain(domId: number): Answer<null> {
    const { machine } = this;
    const domain = machine.domains.get(domId);
    if (domain === undefined) return refuse('ESRCH', `domain ${domId}`);
    if (domain.identity.driver) return refuse('EPERM', `domain ${domId} is a driver domain`);
    if (domain.incarnation !== null) machine.settle(domain.incarnation);
    domain.destroyed = true;
    machine.watchdogs.follow(domain);
    machine.sched.forget(domain);
    this.leaveDevices(domain);
    this.xenstore.close(domain);
    const { incarnation } = domain;
    domain.incarnation = null;
    closeEvents(domain);
    closeGrants(domain);
    closeMemory(machine, domain);
    machine.domains.delete(domId);
    machine.domainsById.delete(domain.identity.id);
    // Closed when nobody finds the domain any more: an allowance that this end shows to be spent has nothing to hold.
    if (incarnation !== null) machine.closeIncarnation(incarnation, domId);
    const { domainDestroyNs, domainDestroyPerFrameNs } = CPU_MODEL;
    machine.sched.addOverhead(domainDestroyNs + domainDestroyPerFrameNs * BigInt(domain.memoryFrames));
    machine.virqs.raise(VIRQ.DOM_EXC);
    this.xenstore.release();
    machine.emit({ type: 'domain.destroyed', atNs: machine.nowNs, domId, id: domain.identity.id });
    machine.dying.bury(domain);
    return answer(null);
  }

  /** Whether transfers of a volume are in flight. */
  volumeBusy(volumeId: string): boolean {
    return this.devices.block.busy(volumeId);
  }

  /** An ended domain goes on under another name and id: without its devices, with its memory, in a life of its own. */
  retire(domain: Domain, name: string, id: string): void {
    const fromId = domain.identity.id;
    retireDomain(this.machine, domain, { name, id, leaveDevices: () => this.leaveDevices(domain) });
    this.xenstore.renamed(domain, fromId);
  }

  private leaveDevices(domain: Domain): void {
    this.devices.disconnect(domain);
    for (const id of domain.volumeIds) {
      const volume = this.machine.volumes.get(id);
      if (volume !== undefined) volume.attachedTo = null;
    }
    domain.volumeIds.length = 0;
  }

  /** Percent of one pCPU, 0 for none. ESRCH, EINVAL. */
  setCap(domId: number, cap: number): Answer<null> {
    const fault = checkCap(cap);
    if (fault !== null) return refuse('EINVAL', fault);
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    this.machine.sched.settleAll();
    domain.cap = cap;
    this.machine.sched.capChanged(domain);
    this.resized(domain);
    return answer(null);
  }

  /** 1 to 65535. ESRCH, EINVAL. */
  setWeight(domId: number, weight: number): Answer<null> {
    const fault = checkWeight(weight);
    if (fault !== null) return refuse('EINVAL', fault);
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    this.machine.sched.setWeight(domain, weight);
    this.resized(domain);
    return answer(null);
  }

  /**
   * Frames it may own from now on; below what it owns nothing is taken, and it gets no more until it has shrunk. ESRCH,
   * EINVAL.
   */
  setMaxMemory(domId: number, frames: number): Answer<null> {
    const fault = checkFrames('frames', frames);
    if (fault !== null) return refuse('EINVAL', fault);
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    this.machine.frames.setMax(domId, frames);
    domain.memoryFramesMax = frames;
    this.resized(domain);
    return answer(null);
  }

  /** Asks the guest to balloon to so many frames, up to its maximum; it does so in its own time. ESRCH, EINVAL. */
  setMemoryTarget(domId: number, frames: number): Answer<null> {
    const fault = checkFrames('frames', frames);
    if (fault !== null) return refuse('EINVAL', fault);
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    if (frames > domain.memoryFramesMax)
      return refuse('EINVAL', `frames: at most its maximum (${domain.memoryFramesMax}), got ${frames}`);
    domain.memoryTargetFrames = frames;
    this.machine.memoryTargetChanged(domain);
    domain.events.markUpcall(0);
    this.resized(domain);
    return answer(null);
  }

  private controllable(domId: number, cause: PauseCause): Answer<Domain> {
    if (cause === 'allowance') return refuse('EPERM', 'cause: allowance belongs to the host');
    if (!['build', 'tenant', 'operator', 'host', 'toolstack'].includes(cause))
      return refuse('EINVAL', `cause: unknown ${String(cause)}`);
    const domain = this.machine.domains.get(domId);
    if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
    return answer(domain);
  }

  private resized(domain: Domain): void {
    const { machine } = this;
    if (domain.incarnation === null) return;
    machine.settle(domain.incarnation);
    const reading = readIncarnation(domain.incarnation, machine.nowNs);
    const { domId, id } = domain.identity;
    machine.emit({ type: 'domain.resized', atNs: machine.nowNs, domId, id, reading });
  }

  private build(plan: BuildPlan): Answer<Domain> {
    const { machine } = this;
    const undo: (() => void)[] = [];
    const fail = (refusal: Answer<Domain>): Answer<Domain> => {
      for (const step of undo.reverse()) step();
      return refusal;
    };
    const domId = this.nextDomId();
    if (domId === null) return refuse('EEXIST', 'no free domain id');
    const identity = {
      domId,
      name: plan.name,
      id: plan.id,
      driver: plan.driver,
      privileged: plan.privileged,
    };
    const domain = new Domain(identity, plan);
    const refusal = buildMemory(machine, domain, plan);
    if (refusal !== null) return refusal;
    undo.push(() => closeMemory(machine, domain));
    machine.sched.capChanged(domain);
    machine.domains.set(domId, domain);
    machine.domainsById.set(plan.id, domain);
    undo.push(() => {
      machine.domains.delete(domId);
      machine.domainsById.delete(plan.id);
    });
    const events = buildEvents(machine, domain);
    undo.push(() => closeEvents(domain));
    buildGrants(domain, plan);
    undo.push(() => closeGrants(domain));
    undo.push(() => this.devices.disconnect(domain));
    const connected = this.devices.connect(domain, plan.volumes);
    if (!connected.ok) return fail(connected);
    for (const { volume } of plan.volumes) {
      volume.attachedTo = domain;
      domain.volumeIds.push(volume.id);
      undo.push(() => {
        volume.attachedTo = null;
      });
    }
    undo.push(() => this.xenstore.close(domain));
    const { vcpusOnline, commandLine, image } = plan;
    const facts = { imageName: image.name, commandLine, vcpusOnline, nowNs: machine.nowNs };
    const xenstore = this.xenstore.open(domain, facts);
    if (!xenstore.ok) return fail(xenstore);
    domain.space.seal();
    const found = { ...connected.value, ...events, xenstore: xenstore.value };
    try {
      domain.guest = image.boot(this.startInfo(domain, plan, found));
    } catch (thrown) {
      return fail(refuse('EIO', `image: ${plan.image.name} failed to boot: ${String(thrown)}`));
    }
    const buildNs = CPU_MODEL.domainBuildNs + CPU_MODEL.domainBuildPerFrameNs * BigInt(plan.memoryFrames);
    machine.sched.addOverhead(buildNs);
    this.xenstore.introduce();
    return answer(domain);
  }

  private startInfo(
    domain: Domain,
    plan: BuildPlan,
    found: Pick<StartInfo, 'disks' | 'sockets' | 'xenstore' | 'sharedInfo' | 'takePendingPorts'>,
  ): StartInfo {
    const { machine } = this;
    return {
      domId: domain.identity.domId,
      name: plan.name,
      id: plan.id,
      hostName: machine.config.name ?? 'host',
      vcpus: plan.vcpusOnline,
      memoryFrames: plan.memoryFrames,
      ordinaryFrames: domain.space.ordinaryFrames,
      memory: domain.memory,
      pageTables: domain.bootstrap,
      memoryTargetFrames: () => domain.memoryTargetFrames,
      commandLine: plan.commandLine,
      seed: machine.prng.uint32(),
      systemTimeNs: () => machine.nowNs,
      ...found,
    };
  }

  /** Counts up from the last one given and wraps, so that two successive domains never share an id (Xen domid.c). */
  private nextDomId(): number | null {
    for (let tried = 0; tried < LIMITS.domIdMax; tried += 1) {
      this.lastDomId = this.lastDomId >= LIMITS.domIdMax ? 1 : this.lastDomId + 1;
      // A dead domain's number is not given again while others still refer to its frames.
      if (!this.machine.frames.knows(this.lastDomId)) return this.lastDomId;
    }
    return null;
  }
}
