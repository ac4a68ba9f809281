import { type Answer, answer, refuse } from '../abi/errno.js';
import type { Domain } from '../domain/domain.js';
import type { Machine } from './machine.js';

/** What is wrong with a list of pCPUs, naming the field; null when it is sound. */
export function checkPcpus(field: string, list: readonly number[], pcpus: number): string | null {
  if (!Array.isArray(list) || list.length === 0 || list.length > pcpus) {
    return `${field}: 1 to ${pcpus} pCPU numbers`;
  }
  const bad = list.find((one) => !Number.isInteger(one) || one < 0 || one >= pcpus);
  return bad === undefined ? null : `${field}: pCPU 0 to ${pcpus - 1}, got ${String(bad)}`;
}

/** `cpus` and `cpusSoft` of a new domain, for all its vCPUs; the lists were checked. */
export function applyAffinity(
  machine: Machine,
  domain: Domain,
  { cpus, cpusSoft }: { cpus?: readonly number[]; cpusSoft?: readonly number[] },
): void {
  if (cpus === undefined && cpusSoft === undefined) return;
  const all = machine.sched.pcpus.map((p) => p.id);
  for (const vcpu of domain.vcpus) machine.sched.setAffinity(vcpu, cpus ?? all, cpusSoft ?? all);
}

/** As `xl vcpu-pin`. ESRCH; EINVAL naming the field. */
export function pinVcpu(
  machine: Machine,
  domId: number,
  pin: { vcpu: number | 'all'; hard: readonly number[]; soft?: readonly number[] },
): Answer<null> {
  const domain = machine.domains.get(domId);
  if (domain === undefined || domain.identity.driver) return refuse('ESRCH', `domain ${domId}`);
  const all = machine.sched.pcpus.map((p) => p.id);
  const { vcpu, hard, soft = all } = pin;
  const fault = checkPcpus('hard', hard, all.length) ?? checkPcpus('soft', soft, all.length);
  if (fault !== null) return refuse('EINVAL', fault);
  const pinned = vcpu === 'all' ? domain.vcpus : domain.vcpus.filter((v) => v.id === vcpu);
  if (pinned.length === 0) {
    return refuse('EINVAL', `vcpu: all, or 0 to ${domain.vcpus.length - 1}, got ${String(vcpu)}`);
  }
  for (const one of pinned) machine.sched.setAffinity(one, hard, soft);
  return answer(null);
}
