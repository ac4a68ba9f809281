import { describe, expect, test } from '@jest/globals';
import { EVENT_STATUS, VIRQ } from '../abi/event.js';
import { ERRNO } from '../abi/errno.js';
import { maskPort, sharedPageOf, takePendingPorts, unmaskPort } from '../guest/shared-info.js';
import { EventChannels } from './event-channels.js';
import { GlobalVirqs } from './global-virqs.js';

/** Domains whose upcalls are counted. */
function domainOf(
  domId: number,
  { vcpus = 1, portsMax = 1023, virqs = new GlobalVirqs(), privileged = false } = {},
) {
  const events = new EventChannels(domId, vcpus, portsMax);
  const kicks: number[] = [];
  const polled: number[] = [];
  events.hooks = {
    kick: (vcpu) => kicks.push(vcpu),
    polled: (vcpu) => polled.push(vcpu),
    claimVirq: (virq) => virqs.claim(virq, events, privileged),
    releaseVirq: (virq) => virqs.release(virq),
  };
  const take = (vcpu?: number) => [...takePendingPorts(events.shared.bytes, vcpus, vcpu)];
  return { events, kicks, polled, take };
}

/** Two domains joined by a channel; nothing is pending. */
function pair() {
  const a = domainOf(1);
  const b = domainOf(2);
  const portA = a.events.allocateUnbound(2);
  const portB = b.events.bindInterdomain(a.events, portA);
  b.take();
  b.kicks.length = 0;
  return { a, b, portA, portB };
}

describe('ports', () => {
  test('E1 a port is the lowest free one above 0; closed, it is given out again', () => {
    const { events } = domainOf(1);
    expect([1, 2, 3].map(() => events.allocateUnbound(9))).toEqual([1, 2, 3]);
    expect(events.closePort(2)).toBe(0);
    expect(events.bindIpi(0)).toBe(2);
    expect(events.allocateUnbound(9)).toBe(4);
  });

  test('E1 a domain has its number of channels and no more (ENOSPC)', () => {
    const { events } = domainOf(1, { portsMax: 3 });
    expect([1, 2, 3, 4].map(() => events.bindIpi(0))).toEqual([1, 2, 3, -ERRNO.ENOSPC]);
    expect(domainOf(2, { portsMax: 100_000 }).events.lastPort).toBe(4095);
  });

  test('E2 bind_interdomain joins a port that waits for the caller, with one event pending at the binder', () => {
    const a = domainOf(1);
    const b = domainOf(2);
    const portA = a.events.allocateUnbound(2);
    const portB = b.events.bindInterdomain(a.events, portA);
    expect(b.take()).toEqual([portB]);
    expect(a.take()).toEqual([]);
    expect(a.events.statusOf(portA)).toEqual({
      status: EVENT_STATUS.interdomain,
      vcpu: 0,
      remoteDomId: 2,
      remotePort: portB,
    });
    expect(b.events.statusOf(portB)).toMatchObject({ remoteDomId: 1, remotePort: portA });
  });

  test('E2 a port that is bound, waits for another domain, or is none, is not bound to (EINVAL), nothing changes', () => {
    const { a, b, portA } = pair();
    const c = domainOf(3);
    const other = a.events.allocateUnbound(2);
    for (const port of [portA, other, 0, 77, 5000])
      expect([port, c.events.bindInterdomain(a.events, port)]).toEqual([port, -ERRNO.EINVAL]);
    expect(c.events.openPorts).toBe(0);
    expect(b.events.bindInterdomain(a.events, other)).toBe(2);
  });

  test('E3 closing an end leaves the peer waiting for the same domain, untold; it can be bound again', () => {
    const { a, b, portA, portB } = pair();
    expect(a.events.closePort(portA)).toBe(0);
    expect(b.events.statusOf(portB)).toEqual({ status: EVENT_STATUS.unbound, vcpu: 0, remoteDomId: 1 });
    expect(b.kicks).toEqual([]);
    expect(b.events.send(portB)).toBe(0);
    expect(a.take()).toEqual([]);
    const again = a.events.bindInterdomain(b.events, portB);
    expect(again).toBe(portA);
    expect(b.events.send(portB)).toBe(0);
    expect(a.take()).toEqual([again]);
  });

  test('E3 what was pending on a closed port is gone, also for who gets its number next', () => {
    const { a, b, portA, portB } = pair();
    b.events.send(portB);
    a.events.closePort(portA);
    expect(a.events.bindIpi(0)).toBe(portA);
    expect(a.take()).toEqual([]);
  });

  test('E4 send: to the peer, to oneself for an IPI, nowhere for an unbound port; anything else is EINVAL', () => {
    const { a, b, portA, portB } = pair();
    const ipi = a.events.bindIpi(0);
    const unbound = a.events.allocateUnbound(2);
    const virq = a.events.bindVirq(VIRQ.TIMER, 0);
    expect([portA, ipi, unbound].map((port) => a.events.send(port))).toEqual([0, 0, 0]);
    expect(b.take()).toEqual([portB]);
    expect(a.take()).toEqual([ipi]);
    for (const port of [virq, 0, 99, 1e9]) expect(a.events.send(port)).toBe(-ERRNO.EINVAL);
  });

  test('E5 a port of Xen itself cannot be closed, moved or sent on by its domain; the peer sends to Xen', () => {
    const a = domainOf(1);
    const b = domainOf(2);
    let calls = 0;
    const xens = a.events.allocateUnbound(2, () => (calls += 1));
    const port = b.events.bindInterdomain(a.events, xens);
    expect([a.events.closePort(xens), a.events.send(xens), a.events.bindVcpu(xens, 0)]).toEqual([
      -ERRNO.EINVAL,
      -ERRNO.EINVAL,
      -ERRNO.EINVAL,
    ]);
    expect(a.events.closeSome(1, 100)).toBeNull();
    b.events.send(port);
    expect(calls).toBe(1);
    expect(a.take()).toEqual([]);
    a.events.close();
    expect(b.events.statusOf(port)).toMatchObject({ status: EVENT_STATUS.unbound });
  });

  test('E6 a domain that dies closes every port; peers wait for it in vain, and it opens none (EINVAL)', () => {
    const { a, b, portA, portB } = pair();
    a.events.close();
    expect(b.events.statusOf(portB)).toMatchObject({ status: EVENT_STATUS.unbound, remoteDomId: 1 });
    expect(b.events.send(portB)).toBe(0);
    expect(a.events.statusOf(portA)).toMatchObject({ status: EVENT_STATUS.closed });
    expect([a.events.bindIpi(0), a.events.allocateUnbound(2)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
    expect(b.events.bindInterdomain(a.events, portA)).toBe(-ERRNO.EINVAL);
  });

  test('E6 a channel of a domain with itself closes from either end and with the domain', () => {
    const { events } = domainOf(1);
    const unbound = events.allocateUnbound(1);
    const bound = events.bindInterdomain(events, unbound);
    expect(events.closePort(bound)).toBe(0);
    expect(events.statusOf(unbound)).toMatchObject({ status: EVENT_STATUS.unbound, remoteDomId: 1 });
    events.bindInterdomain(events, unbound);
    events.close();
    expect(events.openPorts).toBe(0);
  });
});

describe('pending, mask and selector', () => {
  test('E7 two sends while one is pending make one upcall and one event', () => {
    const { a, b, portA, portB } = pair();
    a.events.send(portA);
    a.events.send(portA);
    expect(b.kicks).toEqual([0]);
    expect(b.take()).toEqual([portB]);
    expect(b.take()).toEqual([]);
    a.events.send(portA);
    expect(b.kicks).toEqual([0, 0]);
  });

  test('E7 many ports make one upcall until the guest takes it, and none is lost', () => {
    const a = domainOf(1);
    const ports = Array.from({ length: 200 }, () => a.events.bindIpi(0));
    for (const port of ports) a.events.send(port);
    expect(a.kicks).toEqual([0]);
    expect(a.take()).toEqual(ports);
  });

  test('E8 a masked send makes no upcall; unmasking makes one', () => {
    const { a, b, portA, portB } = pair();
    const page = sharedPageOf(b.events.shared.bytes);
    maskPort(page, portB);
    a.events.send(portA);
    expect([b.kicks, b.take()]).toEqual([[], []]);
    expect(b.events.isPending(portB)).toBe(true);
    expect(unmaskPort(page, portB)).toBe(true);
    expect(b.events.unmask(portB)).toBe(0);
    expect([b.kicks, b.take()]).toEqual([[0], [portB]]);
    b.events.unmask(portB);
    expect(b.kicks).toEqual([0]);
  });

  test('E8 unmask of a port that cannot be is EINVAL', () => {
    const { events } = domainOf(1, { portsMax: 10 });
    expect([0, 11, 4096].map((port) => events.unmask(port))).toEqual([-22, -22, -22]);
    expect(events.unmask(10)).toBe(0);
  });

  test('E9 bind_vcpu moves where the next event goes; IPIs and VIRQs of a vCPU stay (EINVAL), vCPUs exist (ENOENT)', () => {
    const a = domainOf(1, { vcpus: 3 });
    const b = domainOf(2);
    const port = a.events.allocateUnbound(2);
    const far = b.events.bindInterdomain(a.events, port);
    expect(a.events.bindVcpu(port, 2)).toBe(0);
    b.events.send(far);
    expect(a.kicks).toEqual([2]);
    expect([a.take(0), a.take(2)]).toEqual([[], [port]]);
    const ipi = a.events.bindIpi(1);
    const timer = a.events.bindVirq(VIRQ.TIMER, 1);
    expect([ipi, timer, 99, 0].map((p) => a.events.bindVcpu(p, 0))).toEqual([-22, -22, -22, -22]);
    expect(a.events.bindVcpu(port, 3)).toBe(-ERRNO.ENOENT);
  });

  test('E10 a poll ends when a listed port is pending, masked or not, and for no other', () => {
    const { events, polled } = domainOf(1);
    const [one, two] = [events.bindIpi(0), events.bindIpi(0)];
    maskPort(sharedPageOf(events.shared.bytes), two);
    events.startPoll(0, [two]);
    events.send(one);
    expect(polled).toEqual([]);
    events.send(two);
    expect(polled).toEqual([0]);
    expect(events.isPolling(0)).toBe(false);
  });
});

describe('virtual interrupts', () => {
  test('E11 a VIRQ of a vCPU is bound once on each; there are 24, and vCPUs must exist', () => {
    const { events, take } = domainOf(1, { vcpus: 2 });
    const ports = [events.bindVirq(VIRQ.TIMER, 0), events.bindVirq(VIRQ.TIMER, 1)];
    expect(ports).toEqual([1, 2]);
    expect(events.bindVirq(VIRQ.TIMER, 1)).toBe(-ERRNO.EEXIST);
    expect(events.bindVirq(VIRQ.TIMER, 2)).toBe(-ERRNO.ENOENT);
    expect(events.bindVirq(24, 0)).toBe(-ERRNO.EINVAL);
    events.raiseVirq(VIRQ.TIMER, 1);
    expect([take(0), take(1)]).toEqual([[], [2]]);
    events.closePort(2);
    events.raiseVirq(VIRQ.TIMER, 1);
    expect(take()).toEqual([]);
    expect(events.bindVirq(VIRQ.TIMER, 1)).toBe(2);
  });

  test('E12 a global VIRQ has one holder, privileged, on vCPU 0 (EBUSY, EINVAL), until it closes the port', () => {
    const virqs = new GlobalVirqs();
    const tools = domainOf(1, { virqs, privileged: true, vcpus: 2 });
    const others = [domainOf(2, { virqs, privileged: true }), domainOf(3, { virqs })];
    expect(others[1]?.events.bindVirq(VIRQ.DOM_EXC, 0)).toBe(-ERRNO.EBUSY);
    expect(tools.events.bindVirq(VIRQ.DOM_EXC, 1)).toBe(-ERRNO.EINVAL);
    const port = tools.events.bindVirq(VIRQ.DOM_EXC, 0);
    expect(port).toBe(1);
    expect(tools.events.bindVirq(VIRQ.DOM_EXC, 0)).toBe(-ERRNO.EEXIST);
    for (const { events } of others) expect(events.bindVirq(VIRQ.DOM_EXC, 0)).toBe(-ERRNO.EBUSY);
    tools.events.bindVcpu(port, 1);
    virqs.raise(VIRQ.DOM_EXC);
    expect(tools.take(1)).toEqual([port]);
    tools.events.closePort(port);
    expect(others[0]?.events.bindVirq(VIRQ.DOM_EXC, 0)).toBe(1);
    others[0]?.events.close();
    expect(tools.events.bindVirq(VIRQ.DOM_EXC, 0)).toBe(port);
  });

  test('E12 a VIRQ of the domain needs no privilege and is bound on vCPU 0 only', () => {
    const { events } = domainOf(1, { vcpus: 2 });
    expect(events.bindVirq(VIRQ.ARGO, 1)).toBe(-ERRNO.EINVAL);
    expect(events.bindVirq(VIRQ.ARGO, 0)).toBe(1);
  });
});
