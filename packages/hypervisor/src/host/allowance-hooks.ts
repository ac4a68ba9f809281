import type { Allowance } from '../allowance/allowance.js';
import type { AllowanceHooks } from '../allowance/allowances.js';
import type { Incarnation } from '../meter/incarnation.js';
import type { Meter } from '../meter/vector.js';
import type { Machine } from './machine.js';

/** What allowances see of the machine, and how what they decide is done and told. */
export function allowanceHooks(machine: Machine): AllowanceHooks {
  const told = (a: Allowance) => {
    const { drawn, balance } = a.status();
    return { atNs: machine.nowNs, allowanceId: a.spec.id, drawn, balance };
  };
  /** Does what is asked of the members; who was changed by it. */
  const applied = (a: Allowance) => {
    const domIds = machine.applyPolicies(a.spec.members);
    return { domIds, ids: domIds.map((domId) => machine.domains.get(domId)?.identity.id as string) };
  };
  return {
    incarnationOf: (id) =>
      machine.domainsById.get(id)?.incarnation ?? machine.volumes.get(id)?.incarnation ?? null,
    settle: (incarnation) => machine.settle(incarnation),
    rateOf: (incarnation, meter) => rateOf(machine, incarnation, meter),
    sharedRateOf: (meter) => sharedRateOf(machine, meter),
    warned: (a) => machine.emit({ type: 'allowance.warned', ...told(a) }),
    throttled: (a, step) => {
      const facts = told(a);
      const capPercent = step.act === 'throttle' ? step.capPercent : 0;
      machine.emit({ type: 'allowance.throttled', ...facts, at: step.at, capPercent, ...applied(a) });
    },
    exhausted: (a) => {
      const { policy } = a.status();
      const facts = told(a);
      machine.emit({ type: 'allowance.exhausted', ...facts, policy, ...applied(a) });
    },
    reopened: (a) => {
      const changed = applied(a);
      machine.emit({ type: 'allowance.resumed', ...told(a), ...changed });
      machine.releaseHolds();
    },
    renewed: (a, drawn) => {
      const { nextRenewalNs } = a.status();
      machine.emit({ type: 'allowance.renewed', ...told(a), drawn, nextNs: nextRenewalNs });
    },
    apply: (ids) => void machine.applyPolicies(ids),
  };
}

/** The fastest a meter of one resource can grow, per ns. */
function rateOf(machine: Machine, incarnation: Incarnation, meter: Meter): bigint {
  const level = incarnation.level(meter);
  if (level > 0n || incarnation.kind === 'volume') return level;
  const domain = machine.domainsById.get(incarnation.resourceId);
  if (domain === undefined) return 0n;
  const vcpus = domain.vcpus.length;
  switch (meter) {
    case 'cpu.ns':
    case 'runstate.running.ns':
      return incarnation.state === 'running' ? BigInt(Math.min(vcpus, machine.config.pcpus)) : 0n;
    case 'cpu.onbehalf.ns':
      return onBehalfRate(machine);
    case 'runstate.runnable.ns':
    case 'runstate.blocked.ns':
    case 'runstate.offline.ns':
      return BigInt(vcpus);
    default:
      return 0n;
  }
}

/** What pCPUs give is bounded for all domains together. */
function sharedRateOf(machine: Machine, meter: Meter): bigint | null {
  if (meter === 'cpu.ns' || meter === 'runstate.running.ns') return BigInt(machine.config.pcpus);
  return meter === 'cpu.onbehalf.ns' ? onBehalfRate(machine) : null;
}

/** Every driver domain may work for one domain at the same time. */
function onBehalfRate(machine: Machine): bigint {
  return BigInt(Math.min(machine.driverVcpus, machine.config.pcpus));
}
