import type { Domain } from '../domain/domain.js';
import type { DomainInfo } from './domain-config.js';

/** One line of the list, with the state letters of `xl list` (tools/xl/xl_info.c). */
export function describeDomain(domain: Domain): DomainInfo {
  const { domId, name, id, driver } = domain.identity;
  let cpuNs = 0n;
  for (const vcpu of domain.vcpus) cpuNs += vcpu.runstateNs.running;
  return {
    domId,
    name,
    id,
    driver,
    power: domain.power,
    holds: [...domain.holds],
    shutdownReason: domain.ended,
    crashMessage: domain.crashMessage,
    stateLetters: stateLetters(domain),
    dying: domain.destroyed,
    vcpus: domain.vcpus.length,
    weight: domain.weight,
    cap: domain.cap,
    effectiveCap: domain.effectiveCap,
    memoryFrames: domain.memoryFrames,
    memoryFramesMax: domain.memoryFramesMax,
    memoryTargetFrames: domain.memoryTargetFrames,
    grantFramesHeld: domain.grants.held.frames,
    grantFramesLent: domain.grants.lent.frames,
    volumeIds: [...domain.volumeIds],
    incarnationSerial: domain.identity.driver ? null : (domain.incarnation?.serial ?? null),
    cpuNs,
  };
}

function stateLetters(domain: Domain): string {
  const running = domain.mayRun && domain.vcpus.some((v) => v.runningOn >= 0);
  const blocked = domain.vcpus.every((v) => v.blocked);
  const reason = { poweroff: '-', reboot: 'r', crash: 'c', watchdog: 'w' };
  return [
    running ? 'r' : '-',
    blocked ? 'b' : '-',
    domain.holds.size > 0 ? 'p' : '-',
    domain.ended === null ? '-' : 's',
    domain.ended === null ? '-' : reason[domain.ended],
    domain.destroyed ? 'd' : '-',
  ].join('');
}
