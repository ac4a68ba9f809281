'use client';
import { CircleAlert, CircleCheck, CircleDashed, LoaderCircle } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Money, Operation } from '../../api/contract';
import { useOperationsOf } from '../../api/domains';
import { useMe } from '../../api/session';
import { Answered } from '../../ui/answered';
import { MeterBar } from '../../ui/chart/meter-bar';
import { formatMoney } from '../../ui/format/money';
import { formatAgo, formatMoment } from '../../ui/format/time';
import { ProblemNote } from '../../ui/problem-note';
import { SkeletonRows } from '../../ui/skeleton';

const icons: Record<Operation['status'], ReactNode> = {
  queued: <CircleDashed aria-hidden className="text-ink-soft" />,
  running: <LoaderCircle aria-hidden className="text-accent-text animate-spin" />,
  succeeded: <CircleCheck aria-hidden className="text-good-text" />,
  failed: <CircleAlert aria-hidden className="text-bad-text" />,
  cancelled: <CircleDashed aria-hidden className="text-ink-soft" />,
};

/** "build-domain" or "domain.start" as a phrase. */
function phrase(type: string): string {
  const words = type.replace(/^domain[._-]/, '').replaceAll(/[._-]/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Everything done to this domain, newest first, with what it did to the money. */
export function OperationList({ subjectId, max = 50 }: { subjectId: string; max?: number }) {
  const query = useOperationsOf(subjectId);
  return (
    <Answered query={query} what="Operations" skeleton={<SkeletonRows rows={3} className="h-9" />}>
      {(page) =>
        page.data.length === 0 ? (
          <p className="text-ink-soft">Nothing has been done to this domain yet.</p>
        ) : (
          <ul className="divide-line divide-y">
            {page.data.slice(0, max).map((operation) => (
              <OperationItem key={operation.id} operation={operation} />
            ))}
          </ul>
        )
      }
    </Answered>
  );
}

function OperationItem({ operation }: { operation: Operation }) {
  const moving = operation.status === 'queued' || operation.status === 'running';
  const me = useMe().data?.user?.id;
  const reserve = landingReserveOf(operation.cost_effect);
  return (
    <li className="py-3">
      <div className="flex items-start gap-3 [&_svg]:size-4 [&_svg]:shrink-0">
        <span className="bg-sunken flex size-8 shrink-0 items-center justify-center rounded-lg">
          {icons[operation.status]}
        </span>
        <div className="min-w-0 flex-1">
          <p className="font-medium">
            {phrase(operation.type)} <span className="text-ink-soft font-normal">{operation.status}</span>
          </p>
          <p className="text-ink-soft text-sm break-words">
            {actorWords(operation.actor, me)}
            {moving && operation.stage ? ` · ${operation.stage}` : ''}
          </p>
        </div>
        <div className="text-ink-soft text-right text-sm">
          {reserve ? <p className="figures">{formatMoney(reserve, 4)} kept aside</p> : null}
          <p title={formatMoment(operation.created_at)}>{formatAgo(operation.created_at, Date.now())}</p>
        </div>
      </div>
      {moving ? (
        <div className="mt-2 pl-11">
          <MeterBar label={`${phrase(operation.type)} progress`} usedPercent={operation.percent} />
        </div>
      ) : null}
      {operation.error ? (
        <div className="mt-2 pl-11">
          <ProblemNote error={problemOf(operation.error)} />
        </div>
      ) : null}
    </li>
  );
}

/** Who asked, as far as the operation tells. */
function actorWords(
  { kind, user_id: userId, key_id: keyId }: Operation['actor'],
  me: string | undefined,
): string {
  if (keyId) return `API key ${keyId}`;
  if (userId) return userId === me ? 'You' : 'Another member';
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

/** The money a new domain keeps aside, when the operation says so. */
function landingReserveOf(effect: Operation['cost_effect']): Money | null {
  const reserve = effect?.['landing_reserve'];
  if (typeof reserve !== 'object' || reserve === null) return null;
  return 'amount' in reserve && 'currency' in reserve ? (reserve as Money) : null;
}

function problemOf(error: Record<string, unknown>): Error {
  const text = (name: string) => (typeof error[name] === 'string' ? error[name] : undefined);
  const title = text('title') ?? 'It failed';
  return Object.assign(new Error(title), {
    title,
    detail: text('detail'),
    code: text('code'),
    requestId: text('request_id'),
  });
}
