import type { FeedEvent } from '../../api/contract';

export interface EventWords {
  readonly title: string;
  readonly detail: string | null;
  /** Where the thing it is about can be looked at. */
  readonly href: string | null;
}

type EventLike = Pick<FeedEvent, 'type' | 'subject' | 'data'>;

function textOf(data: Record<string, unknown>, ...names: string[]): string | null {
  for (const name of names) {
    const value = data[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

const pages: Record<string, (id: string) => string> = {
  domain: (id) => `/domains/${id}`,
  invoice: (id) => `/invoices/${id}`,
  budget: () => '/budgets',
  limit: () => '/budgets',
};

/** A feed event as people say it: "domain.created" about web-1 reads "Domain web-1 created". */
export function eventWords(event: EventLike): EventWords {
  const [noun = '', ...rest] = event.type.split('.');
  const verb = rest.join(' ').replaceAll(/[_-]/g, ' ');
  const name = textOf(event.data, 'name', 'number', 'domain_name');
  const title = [noun.charAt(0).toUpperCase() + noun.slice(1), name, verb].filter(Boolean).join(' ');
  const detail = textOf(event.data, 'detail', 'reason', 'cost_effect', 'stage', 'error');
  return {
    title: title.replaceAll('_', ' '),
    detail,
    href: pages[event.subject.type]?.(event.subject.id) ?? null,
  };
}
