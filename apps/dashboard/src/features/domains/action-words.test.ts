import { describe, expect, test } from '@jest/globals';
import type { Domain, Plan } from '../../api/contract';
import { actionOrder, actionWords, moneyOfAction, reasonAgainst, type DomainAction } from './action-words';

const eur = (amount: string) => ({ amount, currency: 'EUR' });
const plan = { rate_running: eur('0.012'), rate_paused: eur('0.0031'), rate_max: eur('0.046') } as Plan;
const domain = {
  state: 'running',
  allowed_actions: ['pause', 'stop'],
  blocked_actions: [{ type: 'start', code: 'already_running', detail: 'The domain is already running.' }],
  billing: { rate_now: eur('0.0121'), accrued: eur('0.5') },
} as unknown as Domain;
const powerStates = [{ state: 'halted', meters: ['disk_byte_seconds'] }];

describe('actions', () => {
  test('every action that is asked before it is done says what it does to the money', () => {
    for (const action of actionOrder.filter((one) => actionWords[one].confirmed)) {
      for (const known of [plan, undefined]) {
        expect(moneyOfAction(action, { domain, plan: known, powerStates })).toMatch(/€\d|meter/);
      }
    }
  });

  test('pausing names what goes on costing and what is saved, exactly', () => {
    expect(moneyOfAction('pause', { domain, plan, powerStates })).toBe(
      'CPU metering stops; memory and disk keep costing €0.0031/h. You save €0.0090/h.',
    );
  });

  test('a pause that saves nothing does not promise to', () => {
    const idle = { ...domain, billing: { ...domain.billing, rate_now: eur('0.0031') } };
    expect(moneyOfAction('pause', { domain: idle, plan, powerStates })).toContain('saves nothing');
  });

  test('halting names the meters that the published table keeps running', () => {
    expect(moneyOfAction('stop', { domain, plan, powerStates })).toContain('disk byte seconds');
  });

  test('a blocked action gives the reason of the API; an allowed one gives none', () => {
    const reasons = (['start', 'pause', 'reboot'] as DomainAction[]).map((one) => reasonAgainst(one, domain));
    expect(reasons).toEqual(['The domain is already running.', undefined, 'Not possible in this state.']);
  });
});
