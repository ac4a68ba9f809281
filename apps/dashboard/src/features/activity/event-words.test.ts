import { describe, expect, test } from '@jest/globals';
import { eventWords } from './event-words';

describe('event words', () => {
  test('a type and a name become a phrase that leads to its page', () => {
    const words = eventWords({
      type: 'domain.state_changed',
      subject: { type: 'domain', id: 'dom_1' },
      data: { name: 'web-1', reason: 'budget used up' },
    });
    expect(words).toEqual({
      title: 'Domain web-1 state changed',
      detail: 'budget used up',
      href: '/domains/dom_1',
    });
  });

  test('an event of a later version is still shown', () => {
    const words = eventWords({ type: 'comet', subject: { type: 'comet', id: 'c' }, data: { name: 7 } });
    expect(words).toEqual({ title: 'Comet', detail: null, href: null });
  });
});
