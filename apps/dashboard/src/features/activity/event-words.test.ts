import { describe, expect, test } from '@jest/globals';
import { eventWords, isNews } from './event-words';

const domain = { type: 'domain', id: 'dom_1' };
const nameOf = (id: string) => (id === 'dom_1' ? 'web-1' : undefined);

describe('event words', () => {
  test('a change of state names the domain although the event has only its id', () => {
    const event = {
      type: 'domain.state_changed',
      subject: domain,
      data: { state: 'paused', reason: 'paused:billing' },
    };
    expect(eventWords(event, nameOf)).toEqual({
      title: 'Domain web-1 is paused',
      detail: 'by billing',
      href: '/domains/dom_1',
    });
  });

  test('an operation leads to what it changes, and is news only when it has ended', () => {
    const data = { type: 'domain.create', status: 'succeeded', subject: domain };
    const event = { type: 'operation.updated', subject: { type: 'operation', id: 'op_1' }, data };
    expect(eventWords(event, nameOf)).toMatchObject({
      title: 'Create web-1 succeeded',
      href: '/domains/dom_1',
    });
    expect(isNews(event)).toBe(true);
    expect(isNews({ ...event, data: { ...data, status: 'running' } })).toBe(false);
  });

  test('money in an event is printed, never as an object', () => {
    const eur = (amount: string) => ({ amount, currency: 'EUR' });
    const budget = { type: 'budget', id: 'bud_1' };
    const data = { threshold_percent: 80, limit: eur('0.05'), spent: eur('0.0404') };
    expect(eventWords({ type: 'budget.threshold_reached', subject: budget, data })).toEqual({
      title: 'Budget passed 80%',
      detail: '€0.0404 of €0.05 spent',
      href: '/budgets',
    });
  });

  test('a crash says why, and what the domain wrote last, as the guest wrote it', () => {
    const data = { reason: 'crash', message: 'out_of.memory', console_lines: ['starting', 'no room'] };
    expect(eventWords({ type: 'domain.crashed', subject: domain, data }, nameOf)).toEqual({
      title: 'Domain web-1 crashed',
      detail: 'out_of.memory; last line: no room',
      href: '/domains/dom_1',
    });
    const stuck = { reason: 'watchdog', message: '', console_lines: [] };
    expect(eventWords({ type: 'domain.crashed', subject: domain, data: stuck }, nameOf)).toMatchObject({
      title: 'Domain web-1 stopped answering',
      detail: null,
    });
  });

  test('an event of a later version is still shown', () => {
    const words = eventWords({ type: 'comet.seen', subject: { type: 'comet', id: 'c' }, data: { name: 7 } });
    expect(words).toEqual({ title: 'Comet seen', detail: null, href: null });
  });
});
