// What each action is called, does, and does to the money. Dangerous actions say the last before they are confirmed.

import type { Domain, Plan, PowerState } from '../../api/contract';
import { compareDecimals, subtractDecimals } from '../../ui/format/decimal';
import { formatMoney, formatRate } from '../../ui/format/money';

export type DomainAction = 'start' | 'shutdown' | 'stop' | 'reboot' | 'pause' | 'unpause' | 'delete';

export interface ActionWords {
  readonly verb: string;
  /** Asked before it is done. */
  readonly confirmed: boolean;
  readonly danger: boolean;
  readonly consequence: string;
}

export const actionWords: Record<DomainAction, ActionWords> = {
  start: {
    verb: 'Start',
    confirmed: false,
    danger: false,
    consequence: 'Builds the domain on a host and runs it.',
  },
  unpause: {
    verb: 'Unpause',
    confirmed: false,
    danger: false,
    consequence: 'Its vCPUs run again where they stood.',
  },
  pause: {
    verb: 'Pause',
    confirmed: true,
    danger: false,
    consequence: 'Its vCPUs stand still. Memory, disk and address stay; requests wait until you unpause.',
  },
  reboot: {
    verb: 'Reboot',
    confirmed: true,
    danger: false,
    consequence: 'The guest starts anew. What it held in memory is gone; its disk stays.',
  },
  shutdown: {
    verb: 'Shut down',
    confirmed: true,
    danger: false,
    consequence: 'The guest is asked to end by itself. Its memory is given back; its disk stays.',
  },
  stop: {
    verb: 'Stop now',
    confirmed: true,
    danger: true,
    consequence:
      'Like pulling the plug: the guest is not asked. What it had not written is lost; its disk stays.',
  },
  delete: {
    verb: 'Delete',
    confirmed: true,
    danger: true,
    consequence: 'The domain and its volumes are destroyed. This cannot be undone.',
  },
};

export const actionOrder: readonly DomainAction[] = [
  'start',
  'unpause',
  'pause',
  'reboot',
  'shutdown',
  'stop',
  'delete',
];

interface MoneyContext {
  readonly domain: Domain;
  readonly plan: Plan | undefined;
  readonly powerStates: readonly PowerState[];
}

/** The consequence for the money, in one or two sentences. */
export function moneyOfAction(action: DomainAction, context: MoneyContext): string {
  const { domain, plan } = context;
  const now = formatRate(domain.billing.rate_now);
  switch (action) {
    case 'start':
    case 'unpause':
      if (!plan) return `It costs ${now}/h now; running costs what its plan says.`;
      return `Running costs ${formatRate(plan.rate_running)}/h idle, at most ${formatRate(plan.rate_max)}/h at full CPU.`;
    case 'pause':
      return moneyOfPause(domain, plan);
    case 'reboot':
      return `The rate stays as it is: ${now}/h now. CPU used while it starts is metered.`;
    case 'shutdown':
    case 'stop':
      return `It costs ${now}/h now. ${metersOfHalted(context)}`;
    case 'delete':
      return `Ends the ${now}/h it costs now. The ${formatMoney(domain.billing.accrued, 4)} accrued in this period stay on your bill.`;
  }
}

function moneyOfPause(domain: Domain, plan: Plan | undefined): string {
  const now = domain.billing.rate_now;
  if (!plan) return `CPU metering stops; memory and disk keep costing. It costs ${formatRate(now)}/h now.`;
  const kept = `CPU metering stops; memory and disk keep costing ${formatRate(plan.rate_paused)}/h.`;
  if (compareDecimals(now.amount, plan.rate_paused.amount) <= 0)
    return `${kept} At the present rate that saves nothing.`;
  const saved = { ...now, amount: subtractDecimals(now.amount, plan.rate_paused.amount) };
  return `${kept} You save ${formatRate(saved)}/h.`;
}

function metersOfHalted({ powerStates }: MoneyContext): string {
  const halted = powerStates.find((one) => one.state === 'halted');
  if (!halted) return 'What is still charged while halted is in the plan.';
  if (halted.meters.length === 0) return 'While halted nothing is metered.';
  return `While halted only these meters run: ${halted.meters.join(', ').replaceAll('_', ' ')}.`;
}

/** Why an action is not possible now, in the API's own words; undefined when it is. */
export function reasonAgainst(action: DomainAction, domain: Domain): string | undefined {
  const blocked = domain.blocked_actions.find((one) => one.type === action);
  if (blocked) return blocked.detail;
  return domain.allowed_actions.includes(action) || action === 'delete'
    ? undefined
    : 'Not possible in this state.';
}

/** The action most likely wanted next, which gets its own button. */
export function likeliestAction(domain: Domain): DomainAction {
  if (domain.state === 'paused') return 'unpause';
  return domain.state === 'running' ? 'pause' : 'start';
}
