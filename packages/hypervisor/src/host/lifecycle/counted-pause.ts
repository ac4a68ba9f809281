import { type Answer, answer, refuse } from '../../abi/errno.js';
import type { Domain } from '../../domain/domain.js';
import { LIMITS } from '../../limits.js';
import type { Machine } from '../machine.js';

/** Xen's pause count of a domain: the builder's hold is its first, so that a new domain starts with 1. */
export function pauseCounted(machine: Machine, domain: Domain): Answer<null> {
  const max = LIMITS.toolstackPausesMax;
  const count = domain.toolstackPauses + (domain.holds.has('build') ? 1 : 0);
  if (count >= max) return refuse('EOVERFLOW', `pauses: at most ${max}, got ${count + 1}`);
  domain.toolstackPauses += 1;
  machine.hold(domain, 'toolstack');
  return answer(null);
}

export function unpauseCounted(machine: Machine, domain: Domain): Answer<null> {
  if (domain.toolstackPauses > 0) {
    domain.toolstackPauses -= 1;
    if (domain.toolstackPauses === 0) machine.release(domain, 'toolstack');
  } else if (domain.holds.has('build')) machine.release(domain, 'build');
  else return refuse('EINVAL', `pauses: at least 0, domain ${domain.identity.domId} has none`);
  return answer(null);
}
