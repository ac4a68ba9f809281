import type { Domain } from './contract';

/** Whether it stands on a host, and so has once-a-second figures. */
export function isUp(domain: Pick<Domain, 'state'>): boolean {
  return domain.state === 'running' || domain.state === 'paused';
}
