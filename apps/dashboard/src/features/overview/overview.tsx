'use client';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { useBill, useBudgets } from '../../api/billing';
import type { Domain } from '../../api/contract';
import { useDomains } from '../../api/domains';
import { useDomainMoney, useLiveBill, useLiveDomain } from '../../api/live/use-live-events';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { Sparkline } from '../../ui/chart/sparkline';
import { ShareBar } from '../../ui/chart/share-bar';
import { DomainState } from '../../ui/domain-state';
import { formatMoney, formatRate } from '../../ui/format/money';
import { timeToLimit } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { Skeleton, SkeletonRows } from '../../ui/skeleton';

/** Is everything fine? Four numbers first, then what holds them. */
export function Overview({ limits, activity }: { limits: ReactNode; activity: ReactNode }) {
  return (
    <div className="grid grid-cols-1 gap-6">
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2 xl:grid-cols-4">
        <DomainsTile />
        <AccruedTile />
        <RateTile />
        <BudgetTile />
      </div>
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1fr)_368px]">
        <div className="grid grid-cols-1 gap-6">
          <TopDomains />
          {activity}
        </div>
        {limits}
      </div>
    </div>
  );
}

function Tile({ name, children, foot }: { name: string; children: ReactNode; foot: ReactNode }) {
  return (
    <Card className="flex min-h-[124px] flex-col px-5 py-4">
      <h2 className="text-ink-soft text-sm">{name}</h2>
      <div className="mt-1 text-[26px] leading-8 font-semibold tracking-[-0.02em]">{children}</div>
      <div className="text-ink-soft figures mt-auto pt-2 text-sm">{foot}</div>
    </Card>
  );
}

const stateColours: Record<Domain['state'], string> = {
  running: 'var(--good)',
  paused: 'var(--warn)',
  halted: 'var(--other)',
  crashed: 'var(--bad)',
};

function DomainsTile() {
  const query = useDomains();
  return (
    <Answered query={query} what="Domains" skeleton={<Skeleton className="h-[124px] rounded-xl" />}>
      {(data) => {
        const domains = data.pages.flatMap((page) => page.data);
        const shares = (Object.keys(stateColours) as Domain['state'][]).map((state) => {
          const count = domains.filter((domain) => domain.state === state).length;
          return { name: state, value: count, colour: stateColours[state], text: String(count) };
        });
        return (
          <Tile
            name="Domains"
            foot={
              domains.length > 0 ? (
                <ShareBar label="Domains by state" shares={shares.filter((share) => share.value > 0)} />
              ) : (
                'None yet'
              )
            }
          >
            <span className="figures">{domains.length}</span>
          </Tile>
        );
      }}
    </Answered>
  );
}

function AccruedTile() {
  const bill = useBill();
  const live = useLiveBill();
  return (
    <Answered query={bill} what="Bill" skeleton={<Skeleton className="h-[124px] rounded-xl" />}>
      {(data) => (
        <Tile name="Accrued this period" foot={`Heading for ${formatMoney(data.forecast)}`}>
          <Money value={live?.accrued ?? data.accrued} decimals={6} testId="overview-accrued" />
        </Tile>
      )}
    </Answered>
  );
}

function RateTile() {
  const bill = useBill();
  const live = useLiveBill();
  return (
    <Answered query={bill} what="Rate" skeleton={<Skeleton className="h-[124px] rounded-xl" />}>
      {(data) => (
        <Tile name="Rate now" foot={`Payable so far ${formatMoney(live?.payable ?? data.payable)}`}>
          <span className="figures">
            {formatRate(live?.rate_per_hour ?? data.rate_per_hour)}
            <span className="text-ink-soft text-base font-normal tracking-normal"> per hour</span>
          </span>
        </Tile>
      )}
    </Answered>
  );
}

function BudgetTile() {
  const query = useBudgets();
  return (
    <Answered query={query} what="Budgets" skeleton={<Skeleton className="h-[124px] rounded-xl" />}>
      {(page) => {
        const nearest = [...page.data].sort((a, b) => Number(b.percent) - Number(a.percent))[0];
        if (!nearest) {
          return (
            <Tile name="Budget left" foot="Nothing stops at an amount">
              <Link href="/budgets" className="text-accent-text text-base font-medium tracking-normal">
                Set a budget
              </Link>
            </Tile>
          );
        }
        return (
          <Tile name={`Left of ${nearest.name}`} foot={timeToLimit(nearest.seconds_to_limit)}>
            <Money value={nearest.remaining} decimals={4} />
          </Tile>
        );
      }}
    </Answered>
  );
}

function TopDomains() {
  const query = useDomains();
  return (
    <Card>
      <CardHeader
        title="Domains"
        aside={
          <Link href="/domains" className="hover:text-ink">
            View all
          </Link>
        }
      />
      <CardBody className="pb-2">
        <Answered query={query} what="Domains" skeleton={<SkeletonRows rows={4} className="h-6" />}>
          {(data) => {
            const domains = data.pages.flatMap((page) => page.data).slice(0, 6);
            if (domains.length === 0) return <FirstDomain />;
            return (
              <ul className="divide-line divide-y">
                {domains.map((domain) => (
                  <DomainItem key={domain.id} domain={domain} />
                ))}
              </ul>
            );
          }}
        </Answered>
      </CardBody>
    </Card>
  );
}

function DomainItem({ domain }: { domain: Domain }) {
  const live = useLiveDomain(domain.id);
  const money = useDomainMoney(domain);
  return (
    <li className="flex items-center gap-3 py-2.5 sm:gap-4">
      <Link
        href={`/domains/${domain.id}`}
        className="hover:text-accent-text min-w-0 flex-1 truncate font-medium"
      >
        {domain.name}
      </Link>
      <DomainState state={domain.state} phase={domain.phase} />
      <span className="hidden sm:block">
        <Sparkline
          values={live?.points.map((point) => point.cpu) ?? []}
          limit={domain.config.cap > 0 ? domain.config.cap : domain.config.vcpus * 100}
          label={`CPU of ${domain.name}, last minute`}
        />
      </span>
      <span className="w-24 text-right">
        <Money value={money.accrued} decimals={6} />
      </span>
    </li>
  );
}

function FirstDomain() {
  return (
    <div className="pt-2 pb-4">
      <p className="text-ink-soft mb-3">
        Nothing runs yet. Make the first domain and watch it work and cost, second by second.
      </p>
      <Button asChild variant="primary">
        <Link href="/domains/new">Create a domain</Link>
      </Button>
    </div>
  );
}
