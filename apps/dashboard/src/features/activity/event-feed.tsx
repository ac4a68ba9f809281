'use client';
import { Activity, Boxes, CircleAlert, Coins, FileText, Gauge, type LucideIcon } from 'lucide-react';
import Link from 'next/link';
import { useEvents } from '../../api/activity';
import type { FeedEvent } from '../../api/contract';
import { useDomains } from '../../api/domains';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { EmptyState } from '../../ui/empty-state';
import { formatAgo, formatMoment } from '../../ui/format/time';
import { SkeletonRows } from '../../ui/skeleton';
import { eventWords, isNews, type EventWords } from './event-words';

const icons: Record<string, LucideIcon> = {
  domain: Boxes,
  operation: Boxes,
  invoice: FileText,
  budget: Gauge,
  limit: CircleAlert,
  lease: Coins,
};

/** The tenant's feed, newest first; `max` cuts it for a card. */
export function EventFeed({ max }: { max?: number }) {
  const query = useEvents();
  const domains = useDomains();
  const known = domains.data?.pages.flatMap((page) => page.data) ?? [];
  const nameOf = (id: string) => known.find((domain) => domain.id === id)?.name;
  return (
    <Answered query={query} what="Activity" skeleton={<SkeletonRows rows={max ?? 8} className="h-9" />}>
      {(data) => {
        const events = data.pages
          .flatMap((page) => page.data)
          .filter(isNews)
          .slice(0, max);
        if (events.length === 0) {
          return (
            <EmptyState icon={<Activity />} title="Nothing has happened yet">
              Whatever you or the hosts do shows up here the moment it happens.
            </EmptyState>
          );
        }
        return (
          <>
            <ul className="divide-line divide-y">
              {events.map((event) => (
                <EventItem key={event.id} event={event} words={eventWords(event, nameOf)} />
              ))}
            </ul>
            {max === undefined && query.hasNextPage ? (
              <div className="pt-3 text-center">
                <Button
                  size="small"
                  disabled={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  Show earlier
                </Button>
              </div>
            ) : null}
          </>
        );
      }}
    </Answered>
  );
}

function EventItem({ event, words }: { event: FeedEvent; words: EventWords }) {
  const Icon = icons[event.type.split('.')[0] ?? ''] ?? Activity;
  return (
    <li className="flex items-center gap-3 py-2.5">
      <span
        aria-hidden
        className="bg-sunken text-ink-soft flex size-8 shrink-0 items-center justify-center rounded-lg"
      >
        <Icon className="size-4" />
      </span>
      <span className="min-w-0 flex-1">
        {words.href ? (
          <Link href={words.href} className="hover:text-accent-text block truncate font-medium">
            {words.title}
          </Link>
        ) : (
          <span className="block truncate font-medium">{words.title}</span>
        )}
        {words.detail ? <span className="text-ink-soft block truncate text-sm">{words.detail}</span> : null}
      </span>
      <time
        dateTime={event.created_at}
        title={formatMoment(event.created_at)}
        className="text-ink-soft figures shrink-0 text-sm"
      >
        {formatAgo(event.created_at, Date.now())}
      </time>
    </li>
  );
}
