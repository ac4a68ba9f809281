/**
 * What may be done with a domain in which state, with the reason where it may not: one table for the API's own checks
 * and for what every client shows.
 */
import type { DomainRow } from './domain.store.js';

export const DOMAIN_ACTIONS = ['start', 'shutdown', 'stop', 'reboot', 'pause', 'unpause'] as const;
export type DomainAction = (typeof DOMAIN_ACTIONS)[number];

export interface BlockedAction {
  type: DomainAction | 'delete';
  code: string;
  detail: string;
}

/** Why an action is refused now, or null when it is allowed. */
export function blockedBy(domain: DomainRow, action: DomainAction | 'delete'): BlockedAction | null {
  const no = (code: string, detail: string): BlockedAction => ({ type: action, code, detail });
  if (domain.operationId !== null) {
    return no('operation_in_progress', `Operation ${domain.operationId} is still running on it.`);
  }
  if (action === 'delete') return null;
  if (domain.phase !== 'ready') return no('not_ready', `The domain is ${domain.phase}.`);
  const { state } = domain;
  const up = state === 'running' || state === 'paused';
  const heldBy = (cause: string) => domain.holds.find((hold) => hold.cause === cause);
  switch (action) {
    case 'start':
      if (up) return no('already_up', `The domain is ${state}.`);
      return null;
    case 'shutdown':
      if (state !== 'running')
        return no('not_running', `A ${state} domain can not shut itself down; stop it instead.`);
      return null;
    case 'stop':
    case 'reboot':
      if (!up) return no('not_up', `The domain is ${state}.`);
      return null;
    case 'pause':
      if (!up) return no('not_up', `The domain is ${state}.`);
      if (heldBy('tenant')) return no('already_paused', 'The domain is paused already.');
      return null;
    case 'unpause':
      if (!up) return no('not_up', `The domain is ${state}.`);
      if (heldBy('tenant')) return null;
      if (heldBy('billing')) {
        return no(
          'held_by_billing',
          'The money of this period is used up. Raise or remove the budget to resume.',
        );
      }
      if (heldBy('operator')) return no('held_by_operator', 'The operator has paused it.');
      return no('not_paused', 'The domain is not paused.');
  }
}

export function actionsOf(domain: DomainRow): { allowed: string[]; blocked: BlockedAction[] } {
  const all = [...DOMAIN_ACTIONS, 'delete'] as const;
  const blocked = all.flatMap((action) => blockedBy(domain, action) ?? []);
  return { allowed: all.filter((action) => !blocked.some((each) => each.type === action)), blocked };
}
