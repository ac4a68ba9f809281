'use client';
import { Hand, MapPin } from 'lucide-react';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useEffect, useState } from 'react';
import type { Domain } from '../../api/contract';
import { useDomain } from '../../api/domains';
import { Answered } from '../../ui/answered';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { DomainState } from '../../ui/domain-state';
import { formatAgo, formatDuration, formatMoment } from '../../ui/format/time';
import { PageHeader } from '../../ui/page-header';
import { Skeleton } from '../../ui/skeleton';
import { TabPanel, Tabs } from '../../ui/tabs';
import { AddressCard } from './address-card';
import { ConfigCard } from './config-card';
import { CostCard } from './cost-card';
import { DomainActions } from './domain-actions';
import { LiveStrips } from './live-strips';
import { OperationList } from './operation-list';
import { ReadingList } from './reading-list';

const tabs = ['overview', 'activity', 'readings'] as const;

export function DomainPage({ id }: { id: string }) {
  const query = useDomain(id);
  return (
    <Answered query={query} what="Domain" heading="Domain" skeleton={<DomainSkeleton />}>
      {(domain) => <DomainView domain={domain} />}
    </Answered>
  );
}

function DomainView({ domain }: { domain: Domain }) {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(tabs).withDefault('overview'));
  return (
    <>
      <PageHeader
        title={domain.name}
        badge={<DomainState state={domain.state} phase={domain.phase} testId="domain-state" />}
        note={<Whereabouts domain={domain} />}
        actions={<DomainActions domain={domain} />}
      />
      <Holds domain={domain} />
      <Tabs
        value={tab}
        onValueChange={(value) => void setTab(tabs.find((one) => one === value) ?? null)}
        label="Domain"
        tabs={[
          { value: 'overview', label: 'Overview' },
          { value: 'activity', label: 'Activity' },
          { value: 'readings', label: 'Meter readings' },
        ]}
      >
        <TabPanel value="overview">
          <LiveStrips domain={domain} />
          <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1fr)_368px]">
            <div className="order-2 grid grid-cols-1 gap-6 lg:order-1">
              <AddressCard domain={domain} />
              <Card>
                <CardHeader title="Activity" />
                <CardBody className="pb-2">
                  <OperationList subjectId={domain.id} max={5} />
                </CardBody>
              </Card>
            </div>
            <div className="order-1 grid grid-cols-1 gap-6 lg:order-2">
              <CostCard domain={domain} />
              <ConfigCard domain={domain} />
            </div>
          </div>
        </TabPanel>
        <TabPanel value="activity">
          <Card>
            <CardHeader title="Operations" note="Everything done to this domain, by whom, and what it cost" />
            <CardBody>
              <OperationList subjectId={domain.id} />
            </CardBody>
          </Card>
        </TabPanel>
        <TabPanel value="readings">
          <Card>
            <CardHeader
              title="Meter readings"
              note="Cumulative values as the host journalled them; the bill is their differences"
            />
            <ReadingList domainId={domain.id} />
          </Card>
        </TabPanel>
      </Tabs>
    </>
  );
}

function Whereabouts({ domain }: { domain: Domain }) {
  return (
    <p className="flex flex-wrap items-center gap-x-2.5 gap-y-0.5">
      <span className="inline-flex items-center gap-1.5">
        <MapPin aria-hidden className="size-3.5" />
        {domain.location ?? 'not placed yet'}
      </span>
      <span aria-hidden>·</span>
      <span>{domain.config.image}</span>
      <span aria-hidden>·</span>
      <span>{domain.plan.name}</span>
      {domain.started_at && domain.state === 'running' ? (
        <>
          <span aria-hidden>·</span>
          <Uptime startedAt={domain.started_at} />
        </>
      ) : null}
    </p>
  );
}

function Uptime({ startedAt }: { startedAt: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <span className="figures" title={`Started ${formatMoment(startedAt)}`}>
      up {formatDuration((now - Date.parse(startedAt)) / 1000)}
    </span>
  );
}

/** Why the domain is being held still, in the API's words. */
function Holds({ domain }: { domain: Domain }) {
  if (domain.holds.length === 0) return null;
  return (
    <ul className="mb-6 space-y-2" aria-label="Holds" data-testid="holds">
      {domain.holds.map((hold) => (
        <li
          key={hold.cause + hold.since}
          className="bg-warn-wash text-warn-text flex items-start gap-3 rounded-xl px-4 py-3"
        >
          <Hand aria-hidden className="mt-0.5 size-4 shrink-0" />
          <span>
            <span className="font-medium">Held by {hold.cause === 'tenant' ? 'you' : hold.cause}</span>
            {' · '}
            {hold.detail} <span title={formatMoment(hold.since)}>({formatAgo(hold.since, Date.now())})</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function DomainSkeleton() {
  return (
    <div role="status" aria-label="Loading the domain">
      <Skeleton className="mb-2 h-8 w-48" />
      <Skeleton className="mb-6 h-5 w-72" />
      <Skeleton className="mb-6 h-10" />
      <div className="mb-6 grid grid-cols-2 gap-4 pt-8 xl:grid-cols-4">
        {[0, 1, 2, 3].map((one) => (
          <Skeleton key={one} className="h-[166px] rounded-xl" />
        ))}
      </div>
      <div className="grid grid-cols-1 gap-6 lg:grid-cols-[minmax(0,1fr)_368px]">
        <Skeleton className="h-80 rounded-xl" />
        <Skeleton className="h-96 rounded-xl" />
      </div>
    </div>
  );
}
