'use client';
import { CircleCheck, CircleSlash, Server, Snowflake, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { OperatorDomain, OperatorHost } from '../../api/contract';
import { useHosts, useOperatorDomains } from '../../api/operator';
import { Answered } from '../../ui/answered';
import { Badge, type Tone } from '../../ui/badge';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { ShareBar } from '../../ui/chart/share-bar';
import { EmptyState } from '../../ui/empty-state';
import { formatMib, plural } from '../../ui/format/quantity';
import { formatAgo } from '../../ui/format/time';
import { Skeleton } from '../../ui/skeleton';
import { balanceShares } from './balance';
import { RackSlot } from './rack-slot';

/** The rack: every host as a slot cut into the slices it has sold, and what its CPU time went to. */
export function HostList() {
  const hosts = useHosts();
  const domains = useOperatorDomains();
  return (
    <Answered query={hosts} what="Hosts" skeleton={<HostSkeleton />}>
      {({ data }) =>
        data.length === 0 ? (
          <Card>
            <EmptyState icon={<Server />} title="No host has registered">
              A host appears here as soon as a XenoServer connects.
            </EmptyState>
          </Card>
        ) : (
          <div className="grid grid-cols-1 gap-4">
            {data.map((host) => (
              <HostCard
                key={host.id}
                host={host}
                domains={domains.data?.data.filter((domain) => domain.host_id === host.id) ?? []}
              />
            ))}
          </div>
        )
      }
    </Answered>
  );
}

const looks: Record<OperatorHost['state'], { word: string; tone: Tone; icon: ReactNode }> = {
  up: { word: 'Up', tone: 'good', icon: <CircleCheck aria-hidden /> },
  cordoned: { word: 'Cordoned', tone: 'warn', icon: <CircleSlash aria-hidden /> },
  frozen: { word: 'Frozen', tone: 'bad', icon: <Snowflake aria-hidden /> },
  down: { word: 'Down', tone: 'bad', icon: <TriangleAlert aria-hidden /> },
};

function HostCard({ host, domains }: { host: OperatorHost; domains: readonly OperatorDomain[] }) {
  const { word, tone, icon } = looks[host.state];
  return (
    <Card data-testid={`host-${host.name}`}>
      <CardHeader
        title={
          <span className="flex flex-wrap items-center gap-2.5">
            {host.name}
            <Badge tone={tone}>
              {icon}
              {word}
            </Badge>
          </span>
        }
        note={`${host.location} · ${plural(host.pcpus, 'pCPU')} · ${formatMib(host.memory_mib.total)}${host.epoch === null ? '' : ` · epoch ${host.epoch}`}`}
        aside={host.last_seen_at ? `seen ${formatAgo(host.last_seen_at, Date.now())}` : 'never seen'}
      />
      <CardBody className="grid grid-cols-1 gap-5 xl:grid-cols-2">
        <div>
          <p className="mb-2 flex justify-between gap-3">
            <span className="font-medium">Memory, {plural(host.domains, 'domain')}</span>
            <span className="figures text-ink-soft text-sm">
              {formatMib(host.memory_mib.claimed)} sold of {formatMib(host.memory_mib.sellable)}
              {host.memory_mib.free === null ? '' : ` · ${formatMib(host.memory_mib.free)} free`}
            </span>
          </p>
          <RackSlot host={host} domains={domains} />
        </div>
        <div>
          <p className="mb-2 flex justify-between gap-3">
            <span className="font-medium">CPU time</span>
            <span className="text-ink-soft text-sm">own + on behalf + overhead + idle + lost = elapsed</span>
          </p>
          {host.balance ? (
            <ShareBar label="CPU time of this host" shares={balanceShares(host.balance)} />
          ) : (
            <p className="text-ink-soft">No balance yet: the host has not reported.</p>
          )}
        </div>
      </CardBody>
    </Card>
  );
}

function HostSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="space-y-4">
      <Skeleton className="h-44 rounded-xl" />
      <Skeleton className="h-44 rounded-xl" />
    </div>
  );
}
