// Hosts, domains and readings as the hypervisor's benches use them.
import { coroutineGuest, createMemoryHost, IMAGES } from '@xenorack/hypervisor';

export const msNs = 1_000_000n;
export const secondNs = 1_000n * msNs;

/** @param {{ pcpus: number, sleepers?: number, busy?: number }} options @returns The host, warmed up when it has domains. */
export function hostWith({ pcpus, sleepers = 0, busy = 0 }) {
  const { host } = createMemoryHost({ pcpus, frames: 1 << 22, xenFrames: 1_024, seed: 1 });
  for (let i = 0; i < sleepers; i += 1) start(host, `idle-${i}`, IMAGES.idle);
  for (let i = 0; i < busy; i += 1) start(host, `busy-${i}`, IMAGES.busy);
  if (sleepers + busy > 0) host.run(secondNs);
  host.drainEvents();
  return host;
}

/** Builds and starts a domain. @returns {number} Its number. */
export function start(host, id, image, options = {}) {
  const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 16, image, ...options });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  return built.value;
}

/** @param {string} name @param {Function} routine A generator of (start info, vCPU). */
export function guest(name, routine) {
  return { name, boot: (info) => coroutineGuest((vcpu) => routine(info, vcpu)) };
}

/** Lets the host work for a span of its own time; what it did and how long it really took. */
export function runFor(host, spanNs) {
  const before = host.stats();
  const startedMs = performance.now();
  host.run(host.nowNs + spanNs);
  const ms = performance.now() - startedMs;
  const after = host.stats();
  host.drainEvents();
  return { ms, slices: after.slices - before.slices, hypercalls: after.hypercalls - before.hypercalls };
}

/** Processor time that a piece of work takes, in ns: what else the machine does does not count. */
export function processorNs(work) {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000;
}

/** What the pCPUs did since the host started but idle, in ns: own, on-behalf and overhead. */
export function busyNs(host) {
  return host.sample().balance.pcpus.reduce((sum, p) => sum + Number(p.elapsedNs - p.idleNs - p.lostNs), 0);
}

/** One meter (0: own CPU, 1: CPU on behalf) in seconds, by domain. */
export function metersOf(host, index = 0) {
  return new Map(
    host.sample().readings.map(({ resourceId, values }) => [resourceId, Number(values[index]) / 1e9]),
  );
}

/** What each domain executed in the next `spanS` seconds of host time, in pCPUs. */
export function sharesOver(host, spanS) {
  const before = metersOf(host);
  host.run(host.nowNs + BigInt(Math.round(spanS * 1_000)) * msNs);
  host.drainEvents();
  return new Map([...metersOf(host)].map(([id, after]) => [id, (after - (before.get(id) ?? 0)) / spanS]));
}

/** A guest that really computes, in units that it counts and pays for. */
export function computes(counted = { units: 0 }) {
  return guest('computes', function* () {
    for (;;) {
      computeUnit();
      counted.units += 1;
      yield { do: 'work', ns: 200_000 };
    }
  });
}

/** About 50 us of real work, which is what a unit of 200 us of a nominal pCPU stands for. */
function computeUnit() {
  let x = 1;
  for (let i = 0; i < 40_000; i += 1) x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i;
  return x;
}
