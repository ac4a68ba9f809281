import { assert } from '../base/assert.js';
import { auditFewGrants } from '../grant/audit-grants.js';
import type { Meter } from '../meter/vector.js';
import type { BackendBalance, PcpuBalance, TrialBalance } from '../meter/trial-balance.js';
import type { Devices } from './devices.js';
import type { Machine } from './machine.js';

/**
 * Closes the host's books at this instant and checks that they do. Everything must have been settled.
 * Idle is what the pCPUs counted while idling, so a nanosecond nobody counted shows as a difference.
 */
export function closeBooks(machine: Machine, devices: Devices): TrialBalance {
  const pcpus = pcpuBalances(machine);
  checkCharged(machine, pcpus);
  const frames = { totalFrames: machine.frames.totalFrames, ...machine.frames.recount() };
  const counted = frames.ownedFrames + frames.zombieFrames + frames.freeFrames + frames.xenFrames;
  assert(counted === frames.totalFrames, () => `frames: ${counted} counted of ${frames.totalFrames}`);
  assert(
    frames.freeFrames === machine.frames.freeFrames,
    'frames: the free count differs from the free list',
  );
  checkDomains(machine);
  auditFewGrants([...machine.domains.values()].map((domain) => domain.grants));
  return { atNs: machine.nowNs, pcpus, frames, backends: backendBalances(machine, devices) };
}

function pcpuBalances(machine: Machine): PcpuBalance[] {
  return machine.sched.pcpus.map(({ books }) => {
    const sum = books.ownNs + books.onBehalfNs + books.overheadNs + books.idleNs + books.lostNs;
    assert(
      sum === machine.nowNs,
      () => `pCPU ${books.pcpu}: ${sum - machine.nowNs} ns too many of ${machine.nowNs}`,
    );
    return { ...books, elapsedNs: machine.nowNs };
  });
}

/** What pCPUs executed for domains is what domains were charged, over all lives. */
function checkCharged(machine: Machine, pcpus: readonly PcpuBalance[]): void {
  let ownNs = 0n;
  let onBehalfNs = 0n;
  for (const p of pcpus) {
    ownNs += p.ownNs;
    onBehalfNs += p.onBehalfNs;
  }
  const own = chargedTotal(machine, 'cpu.ns');
  const onBehalf = chargedTotal(machine, 'cpu.onbehalf.ns');
  assert(own === ownNs, () => `cpu.ns: charged ${own}, executed ${ownNs}`);
  assert(onBehalf === onBehalfNs, () => `cpu.onbehalf.ns: charged ${onBehalf}, executed ${onBehalfNs}`);
}

function chargedTotal(machine: Machine, meter: Meter): bigint {
  const kind = meter.startsWith('disk.') ? 'volume' : 'domain';
  let sum = machine.closedTotals.get(meter) ?? 0n;
  for (const incarnation of machine.incarnations.values())
    if (incarnation.kind === kind) sum += incarnation.total(meter);
  return sum;
}

function backendBalances(machine: Machine, devices: Devices): BackendBalance[] {
  const { block, sockets } = devices;
  const backends: BackendBalance[] = [
    {
      device: 'block.read',
      passedBytes: block.passed.readBytes,
      chargedBytes: chargedTotal(machine, 'disk.read.bytes'),
    },
    {
      device: 'block.write',
      passedBytes: block.passed.writeBytes,
      chargedBytes: chargedTotal(machine, 'disk.write.bytes'),
    },
    {
      device: 'socket.rx',
      passedBytes: sockets.passed.rxBytes,
      chargedBytes: chargedTotal(machine, 'net.public.rx.bytes'),
    },
    {
      device: 'socket.tx',
      passedBytes: sockets.passed.txBytes,
      chargedBytes: chargedTotal(machine, 'net.public.tx.bytes'),
    },
  ];
  for (const b of backends) {
    assert(
      b.passedBytes === b.chargedBytes,
      () => `${b.device}: passed ${b.passedBytes}, charged ${b.chargedBytes}`,
    );
  }
  return backends;
}

/** Each vCPU's runstates sum to its age, and each life's memory is its frames over its age. */
function checkDomains(machine: Machine): void {
  for (const domain of machine.domains.values()) {
    const { domId } = domain.identity;
    assert(machine.frames.framesOf(domId) === domain.memoryFrames, () => `domain ${domId}: frames differ`);
    for (const vcpu of domain.vcpus) {
      if (vcpu.bornNs === null) continue;
      const { running, runnable, blocked, offline } = vcpu.runstateNs;
      const sum = running + runnable + blocked + offline;
      const ageNs = machine.nowNs - vcpu.bornNs;
      assert(sum === ageNs, () => `domain ${domId} vCPU ${vcpu.id}: runstates ${sum}, age ${ageNs}`);
    }
  }
}
