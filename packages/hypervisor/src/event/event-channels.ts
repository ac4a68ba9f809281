import { EVENT_STATUS, VIRQS, type VirqKind, virqKindOf } from '../abi/event.js';
import { ERRNO } from '../abi/errno.js';
import { type EventSignals, SIGNAL } from './event-signal.js';
import { SharedInfo } from './shared-info.js';

/** What event channels need of the machine. */
export interface EventHooks {
  /** An upcall became pending: its vCPU is woken, or who can take it instead. */
  kick(vcpu: number): void;
  /** A port that this vCPU polls is pending: its poll is over. */
  polled(vcpu: number): void;
  /** Whether the domain may have a global VIRQ; it keeps it until it lets go. */
  claimVirq(virq: number): boolean;
  releaseVirq(virq: number): void;
}

type ChannelState = 'free' | 'unbound' | 'interdomain' | 'pirq' | 'virq' | 'ipi';

class Channel {
  state: ChannelState = 'free';
  /** The vCPU that is told. */
  vcpu = 0;
  /** Unbound and interdomain: whose the other end is. */
  remoteDomId = 0;
  peer: EventChannels | null = null;
  peerPort = 0;
  /** The number of a VIRQ or physical interrupt. */
  irq = 0;
  /** Xen's own end: sends to it call this. */
  consumer: (() => void) | null = null;
}

/** What `event_channel_op` status tells of a port. */
export interface ChannelStatus {
  status: number;
  vcpu: number;
  /** The peer's domain id and port, where there are any. */
  remoteDomId?: number;
  remotePort?: number;
  irq?: number;
}

const NO_HOOKS: EventHooks = {
  kick: () => undefined,
  polled: () => undefined,
  claimVirq: () => false,
  releaseVirq: () => undefined,
};

/**
 * Design: the event channels of one domain, after Xen's common/event_channel.c. A port is free, unbound (waiting for a
 * domain), interdomain (joined with a port of a domain), a physical or virtual interrupt, or an inter-processor event.
 * Calls answer a port or 0, or a negative errno; a call that fails changes nothing.
 * Invariants: two interdomain ports name each other; a vCPU has at most one port for each VIRQ; port 0 is never given out;
 * a closed port is free at once, nothing is pending on it, and it may be given out again.
 */
export class EventChannels {
  readonly shared = new SharedInfo();
  hooks: EventHooks = NO_HOOKS;
  dying = false;
  private signals: EventSignals = this.shared;
  private readonly channels: Channel[] = [new Channel()];
  /** Every port below this one is in use. */
  private lowestFree = 1;
  /** By vCPU and VIRQ: the port. */
  private readonly virqPorts: number[];
  /** What each polling vCPU waits for. */
  private readonly polls = new Map<number, readonly number[]>();

  constructor(
    readonly domId: number,
    readonly vcpus: number,
    /** Ports are numbered up to this one, as far as the way of signalling goes. */
    private readonly portsMax: number,
  ) {
    this.virqPorts = new Array<number>(vcpus * VIRQS).fill(0);
  }

  /** From now on the domain is told by other means; nothing may be open. */
  signalBy(signals: EventSignals): void {
    this.signals = signals;
  }

  /** A port that domain `remoteDomId` may bind to; with a consumer, Xen's own end of it. */
  allocateUnbound(remoteDomId: number, consumer: (() => void) | null = null): number {
    const port = this.allocate();
    if (port < 0) return port;
    const channel = this.open(port, 'unbound');
    channel.remoteDomId = remoteDomId;
    channel.consumer = consumer;
    return port;
  }

  /** Joins a new port with one that waits for this domain. Events sent before are not known, so one is pending here. */
  bindInterdomain(remote: EventChannels, remotePort: number): number {
    const port = this.allocate();
    if (port < 0) return port;
    const far = remote.channels[remotePort];
    if (far?.state !== 'unbound' || far.remoteDomId !== this.domId) return -ERRNO.EINVAL;
    const near = this.open(port, 'interdomain');
    near.remoteDomId = remote.domId;
    near.peer = remote;
    near.peerPort = remotePort;
    far.state = 'interdomain';
    far.peer = this;
    far.peerPort = port;
    this.setPending(port, near.vcpu);
    return port;
  }

  bindVirq(virq: number, vcpu: number): number {
    if (virq < 0 || virq >= VIRQS) return -ERRNO.EINVAL;
    const kind = virqKindOf(virq);
    if (kind !== 'vcpu' && vcpu !== 0) return -ERRNO.EINVAL;
    if (vcpu < 0 || vcpu >= this.vcpus) return -ERRNO.ENOENT;
    const slot = vcpu * VIRQS + virq;
    if (this.virqPorts[slot] !== 0) return -ERRNO.EEXIST;
    const port = this.allocate();
    if (port < 0) return port;
    if (kind === 'global' && !this.hooks.claimVirq(virq)) return -ERRNO.EBUSY;
    const channel = this.open(port, 'virq');
    channel.irq = virq;
    channel.vcpu = vcpu;
    this.virqPorts[slot] = port;
    return port;
  }

  bindIpi(vcpu: number): number {
    if (vcpu < 0 || vcpu >= this.vcpus) return -ERRNO.ENOENT;
    const port = this.allocate();
    if (port > 0) this.open(port, 'ipi').vcpu = vcpu;
    return port;
  }

  /** The host gives a driver domain the interrupt of its device. */
  bindPirq(irq: number): number {
    const port = this.allocate();
    if (port > 0) this.open(port, 'pirq').irq = irq;
    return port;
  }

  /** A guest closes its port. The peer waits for this domain again and is not told. */
  closePort(port: number): number {
    const channel = this.channels[port];
    if (channel === undefined || channel.state === 'free' || channel.consumer !== null) return -ERRNO.EINVAL;
    this.free(port, channel);
    return 0;
  }

  /** Xen closes a port, its own ones included. */
  closeAny(port: number): void {
    const channel = this.channels[port];
    if (channel !== undefined && channel.state !== 'free') this.free(port, channel);
  }

  send(port: number): number {
    const channel = this.channels[port];
    if (channel === undefined || channel.consumer !== null) return -ERRNO.EINVAL;
    switch (channel.state) {
      case 'interdomain':
        (channel.peer as EventChannels).receive(channel.peerPort);
        return 0;
      case 'ipi':
        this.setPending(port, channel.vcpu);
        return 0;
      case 'unbound':
        return 0;
      default:
        return -ERRNO.EINVAL;
    }
  }

  /** A VIRQ of a vCPU, or of the domain or host (then of vCPU 0); lost when it is not bound. */
  raiseVirq(virq: number, vcpu = 0): void {
    this.raise(this.virqPorts[vcpu * VIRQS + virq] as number);
  }

  /** Makes a port pending from Xen's side; nothing for a port that is free. */
  raise(port: number): void {
    const channel = this.channels[port];
    if (channel !== undefined && channel.state !== 'free') this.setPending(port, channel.vcpu);
  }

  /** Null for a port that cannot be. */
  statusOf(port: number): ChannelStatus | null {
    if (port < 0 || port > this.lastPort) return null;
    const channel = this.channels[port];
    if (channel === undefined || channel.state === 'free') return { status: EVENT_STATUS.closed, vcpu: 0 };
    const { state, vcpu, remoteDomId, peerPort: remotePort, irq } = channel;
    const status = EVENT_STATUS[state];
    switch (state) {
      case 'unbound':
        return { status, vcpu, remoteDomId };
      case 'interdomain':
        return { status, vcpu, remoteDomId, remotePort };
      case 'pirq':
      case 'virq':
        return { status, vcpu, irq };
      case 'ipi':
        return { status, vcpu };
    }
  }

  /** Moves the delivery of a port; what is pending stays where it was signalled. */
  bindVcpu(port: number, vcpu: number): number {
    if (vcpu < 0 || vcpu >= this.vcpus) return -ERRNO.ENOENT;
    const channel = this.channels[port];
    if (channel === undefined || channel.state === 'free' || channel.consumer !== null) return -ERRNO.EINVAL;
    if (channel.state === 'ipi' || (channel.state === 'virq' && kindOf(channel) === 'vcpu'))
      return -ERRNO.EINVAL;
    channel.vcpu = vcpu;
    return 0;
  }

  unmask(port: number): number {
    if (port < 1 || port > this.lastPort) return -ERRNO.EINVAL;
    const vcpu = this.channels[port]?.vcpu ?? 0;
    this.signals.open(port);
    if (this.signals.unmask(port, vcpu)) this.markUpcall(vcpu);
    return 0;
  }

  /** Closes up to `count` of the guest's ports from `from` on; where to go on, or null at the end. */
  closeSome(from: number, count: number): number | null {
    const to = Math.min(from + count, this.channels.length);
    for (let port = from; port < to; port += 1) this.closePort(port);
    return to < this.channels.length ? to : null;
  }

  /** The domain is dying: every port is closed, and none can be opened. */
  close(): void {
    this.dying = true;
    for (let port = 1; port < this.channels.length; port += 1) this.closeAny(port);
    this.polls.clear();
    this.shared.leavePage();
  }

  isPending(port: number): boolean {
    return this.signals.isPending(port);
  }

  /** The highest number a port may have. */
  get lastPort(): number {
    return Math.min(this.portsMax, this.signals.ports - 1);
  }

  /** Ports in use. */
  get openPorts(): number {
    let open = 0;
    for (const channel of this.channels) if (channel.state !== 'free') open += 1;
    return open;
  }

  /** Lets upcalls through, as blocking does; whether one is waiting for this vCPU. */
  unmaskUpcall(vcpu: number): boolean {
    this.shared.unmaskUpcall(vcpu);
    return this.shared.isDeliverable(vcpu);
  }

  /** Whether any vCPU has an upcall to make. */
  get anyUpcall(): boolean {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu += 1) if (this.shared.hasUpcall(vcpu)) return true;
    return false;
  }

  /** Raises the upcall of a vCPU, for a port or without one. */
  markUpcall(vcpu: number): void {
    if (this.shared.markUpcall(vcpu)) this.hooks.kick(vcpu);
  }

  /** The vCPU sleeps until one of these ports is pending. */
  startPoll(vcpu: number, ports: readonly number[]): void {
    this.polls.set(vcpu, ports);
  }

  endPoll(vcpu: number): void {
    if (this.polls.size > 0) this.polls.delete(vcpu);
  }

  /** A vCPU that polls with upcalls masked waits for its ports alone. */
  isWokenByUpcall(vcpu: number): boolean {
    return !this.polls.has(vcpu) || this.shared.isDeliverable(vcpu);
  }

  isPolling(vcpu: number): boolean {
    return this.polls.has(vcpu);
  }

  private receive(port: number): void {
    const channel = this.channels[port] as Channel;
    if (channel.consumer !== null) channel.consumer();
    else this.setPending(port, channel.vcpu);
  }

  private setPending(port: number, vcpu: number): void {
    const signal = this.signals.set(port, vcpu);
    if (signal === SIGNAL.coalesced) return;
    if (signal === SIGNAL.upcall) this.markUpcall(vcpu);
    if (this.polls.size > 0) this.wakePollers(port);
  }

  private wakePollers(port: number): void {
    for (const [vcpu, ports] of [...this.polls]) {
      if (!ports.includes(port)) continue;
      this.polls.delete(vcpu);
      this.hooks.polled(vcpu);
    }
  }

  /** The lowest free port, or why there is none. */
  private allocate(): number {
    if (this.dying) return -ERRNO.EINVAL;
    const { channels } = this;
    let port = this.lowestFree;
    while (port < channels.length && (channels[port] as Channel).state !== 'free') port += 1;
    this.lowestFree = port;
    return port <= this.lastPort ? port : -ERRNO.ENOSPC;
  }

  private open(port: number, state: ChannelState): Channel {
    const channel = (this.channels[port] ??= new Channel());
    channel.state = state;
    this.signals.open(port);
    return channel;
  }

  private free(port: number, channel: Channel): void {
    if (channel.state === 'virq') {
      // Only a vCPU's own VIRQs are kept by vCPU; the others may have moved.
      const vcpu = kindOf(channel) === 'vcpu' ? channel.vcpu : 0;
      this.virqPorts[vcpu * VIRQS + channel.irq] = 0;
      if (kindOf(channel) === 'global') this.hooks.releaseVirq(channel.irq);
    }
    if (channel.state === 'interdomain') {
      const far = (channel.peer as EventChannels).channels[channel.peerPort] as Channel;
      far.state = 'unbound';
      far.remoteDomId = this.domId;
      far.peer = null;
    }
    this.signals.clear(port);
    this.channels[port] = new Channel();
    if (port < this.lowestFree) this.lowestFree = port;
  }
}

function kindOf(channel: { irq: number }): VirqKind {
  return virqKindOf(channel.irq);
}
