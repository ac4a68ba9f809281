import type { FeedEvent } from '../../api/contract';
import { formatMoney } from '../../ui/format/money';

export interface EventWords {
  readonly title: string;
  readonly detail: string | null;
  /** Where the thing it is about can be looked at. */
  readonly href: string | null;
}

type EventLike = Pick<FeedEvent, 'type' | 'subject' | 'data'>;

const pages: Record<string, (id: string) => string> = {
  domain: (id) => `/domains/${id}`,
  invoice: (id) => `/invoices/${id}`,
  budget: () => '/budgets',
};

/** Progress of an operation is shown where it runs; the feed keeps how it ended. */
export function isNews(event: EventLike): boolean {
  if (event.type !== 'operation.updated') return true;
  return ['succeeded', 'failed', 'cancelled'].includes(textOf(event.data, 'status') ?? '');
}

/** A feed event as people say it. `nameOf` gives the name of a domain that the event names only by id. */
export function eventWords(
  event: EventLike,
  nameOf: (id: string) => string | undefined = () => undefined,
): EventWords {
  const subject = subjectOf(event);
  const name = textOf(event.data, 'name', 'number') ?? nameOf(subject.id);
  const href = pages[subject.type]?.(subject.id) ?? null;
  return { title: titleOf(event, name), detail: detailOf(event), href };
}

/** An operation is about what it changes. */
function subjectOf({ subject, data }: EventLike): { type: string; id: string } {
  const about = data['subject'];
  if (typeof about !== 'object' || about === null || !('type' in about) || !('id' in about)) return subject;
  return { type: String(about.type), id: String(about.id) };
}

function titleOf({ type, data }: EventLike, name: string | undefined): string {
  switch (type) {
    case 'operation.updated':
      return sentence(words(verbOf(data)), name, textOf(data, 'status') ?? '');
    case 'domain.state_changed':
      return sentence('domain', name, `is ${textOf(data, 'state') ?? 'changed'}`);
    case 'domain.crashed':
      return sentence('domain', name, data['reason'] === 'watchdog' ? 'stopped answering' : 'crashed');
    case 'budget.threshold_reached':
      return `Budget passed ${String(data['threshold_percent'])}%`;
    case 'limit.breached':
      return data['limit'] === 'budget' ? 'Budget used up' : `Limit reached: ${words(String(data['limit']))}`;
    case 'lease.exhausted':
      return 'The money leased to a host is used up';
    default: {
      const [noun = '', ...verb] = type.split('.');
      return sentence(words(noun.replace('api_key', 'API key')), name, words(verb.join(' ')));
    }
  }
}

function detailOf({ type, data }: EventLike): string | null {
  if (type === 'budget.threshold_reached' && isMoney(data['spent']) && isMoney(data['limit'])) {
    return `${formatMoney(data['spent'], 4)} of ${formatMoney(data['limit'])} spent`;
  }
  if (type === 'invoice.issued' && isMoney(data['total'])) return `Total ${formatMoney(data['total'])}`;
  if (type === 'operation.updated') return errorOf(data);
  if (type === 'domain.state_changed') return causeOf(data);
  if (type === 'domain.crashed') return crashOf(data);
  const text = textOf(data, 'detail', 'reason');
  return text === null ? null : words(text);
}

/** "domain.create" about a domain is just "create". */
function verbOf(data: Record<string, unknown>): string {
  return (textOf(data, 'type') ?? 'operation').replace(/^domain\./, '');
}

function errorOf({ error }: Record<string, unknown>): string | null {
  if (typeof error !== 'object' || error === null) return null;
  return textOf({ ...error }, 'detail', 'title');
}

/** "paused:billing" says who; a reason that only repeats the state says nothing. */
function causeOf(data: Record<string, unknown>): string | null {
  const reason = textOf(data, 'reason');
  if (reason === null || reason === data['state']) return null;
  const cause = reason.split(':')[1];
  return cause ? `by ${words(cause)}` : words(reason);
}

/** Why, and the last line it wrote before. */
function crashOf(data: Record<string, unknown>): string | null {
  const lines = Array.isArray(data['console_lines']) ? data['console_lines'] : [];
  const last: unknown = lines.at(-1);
  const parts = [textOf(data, 'message'), typeof last === 'string' ? `last line: ${last}` : null];
  return parts.filter((part) => part !== null).join('; ') || null;
}

function isMoney(value: unknown): value is { amount: string; currency: string } {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'amount' in value &&
    typeof value.amount === 'string' &&
    'currency' in value &&
    typeof value.currency === 'string'
  );
}

function textOf(data: Record<string, unknown>, ...names: string[]): string | null {
  for (const name of names) {
    const value = data[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

function words(text: string): string {
  return text.replaceAll(/[._]/g, ' ');
}

function sentence(...parts: (string | undefined)[]): string {
  const text = parts.filter(Boolean).join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
