'use client';
import { Boxes, Plus, Search, SearchX } from 'lucide-react';
import Link from 'next/link';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useDeferredValue } from 'react';
import type { Domain } from '../../api/contract';
import { useDomains } from '../../api/domains';
import { useDomainMoney, useLiveDomain } from '../../api/live/use-live-events';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { Card } from '../../ui/card';
import { Sparkline } from '../../ui/chart/sparkline';
import { DomainState } from '../../ui/domain-state';
import { EmptyState } from '../../ui/empty-state';
import { Input, Select } from '../../ui/form/field';
import { formatMib, formatPercent, plural } from '../../ui/format/quantity';
import { formatMoment } from '../../ui/format/time';
import { Money, Rate } from '../../ui/money';
import { SkeletonRows } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';

const states = ['running', 'paused', 'halted', 'crashed'] as const;

/** Every domain of the tenant, dense; the filters live in the address, so a view can be shared. */
export function DomainList() {
  const [filter, setFilter] = useQueryStates({
    name: parseAsString.withDefault(''),
    state: parseAsStringLiteral(states),
  });
  const name = useDeferredValue(filter.name);
  const query = useDomains({ ...(name ? { name } : {}), ...(filter.state ? { state: filter.state } : {}) });
  const filtered = filter.name !== '' || filter.state !== null;
  return (
    <Card>
      <div className="flex flex-wrap items-center gap-2 p-3" role="search" aria-label="Filter domains">
        <div className="relative min-w-40 flex-1 sm:max-w-72">
          <Search aria-hidden className="text-ink-soft absolute top-2.5 left-3 size-4" />
          <Input
            aria-label="Filter by name"
            placeholder="Filter by name"
            className="pl-9"
            value={filter.name}
            onChange={(event) => void setFilter({ name: event.target.value || null })}
          />
        </div>
        <Select
          aria-label="Filter by state"
          className="w-36"
          value={filter.state ?? ''}
          onChange={(event) =>
            void setFilter({ state: states.find((one) => one === event.target.value) ?? null })
          }
        >
          <option value="">Any state</option>
          {states.map((state) => (
            <option key={state} value={state}>
              {state.charAt(0).toUpperCase() + state.slice(1)}
            </option>
          ))}
        </Select>
        {filtered ? (
          <Button variant="ghost" onClick={() => void setFilter({ name: null, state: null })}>
            Clear
          </Button>
        ) : null}
      </div>
      <Answered
        query={query}
        what="Domains"
        skeleton={
          <div className="px-5 pb-3">
            <SkeletonRows rows={6} />
          </div>
        }
      >
        {(data) => {
          const domains = data.pages.flatMap((page) => page.data);
          if (domains.length === 0)
            return filtered ? (
              <NoMatch clear={() => void setFilter({ name: null, state: null })} />
            ) : (
              <FirstUse />
            );
          return (
            <>
              <DomainTable domains={domains} />
              {query.hasNextPage ? (
                <div className="border-line border-t p-3 text-center">
                  <Button
                    size="small"
                    disabled={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                  >
                    Show more
                  </Button>
                </div>
              ) : null}
            </>
          );
        }}
      </Answered>
    </Card>
  );
}

function DomainTable({ domains }: { domains: readonly Domain[] }) {
  return (
    <div className="border-line border-t">
      <Table label={`Domains, ${plural(domains.length, 'row')}`}>
        <thead>
          <tr>
            <HeadCell>Name</HeadCell>
            <HeadCell>State</HeadCell>
            <HeadCell>Plan</HeadCell>
            <HeadCell numeric>Memory</HeadCell>
            <HeadCell>CPU, last minute</HeadCell>
            <HeadCell>Location</HeadCell>
            <HeadCell numeric>Rate now</HeadCell>
            <HeadCell numeric>Cost so far</HeadCell>
          </tr>
        </thead>
        <tbody>
          {domains.map((domain) => (
            <DomainRow key={domain.id} domain={domain} />
          ))}
        </tbody>
      </Table>
    </div>
  );
}

function DomainRow({ domain }: { domain: Domain }) {
  const labels = Object.entries(domain.labels);
  return (
    <Row data-testid={`domain-row-${domain.name}`}>
      <Cell>
        <Link
          href={`/domains/${domain.id}`}
          title={`Created ${formatMoment(domain.created_at)}`}
          className="hover:text-accent-text font-medium whitespace-nowrap"
        >
          {domain.name}
        </Link>
        {labels.length > 0 ? (
          <span className="text-ink-soft block truncate text-sm">
            {labels.map(([key, value]) => `${key}=${value}`).join(' · ')}
          </span>
        ) : null}
      </Cell>
      <Cell>
        <DomainState state={domain.state} phase={domain.phase} />
      </Cell>
      <Cell className="whitespace-nowrap">{domain.plan.name}</Cell>
      <Cell numeric>{formatMib(domain.config.memory_mib)}</Cell>
      <Cell>
        <CpuCell domain={domain} />
      </Cell>
      <Cell className="text-ink-soft whitespace-nowrap">{domain.location ?? '–'}</Cell>
      <Cell numeric>
        <RateCell domain={domain} />
      </Cell>
      <Cell numeric>
        <CostCell domain={domain} />
      </Cell>
    </Row>
  );
}

// Each live cell listens for itself: a second of figures draws three cells again, not the table.

function CpuCell({ domain }: { domain: Domain }) {
  const live = useLiveDomain(domain.id);
  const percent = live?.latest.cpu_percent ?? '0';
  return (
    <span className="flex items-center gap-2.5">
      <Sparkline
        values={live?.points.map((point) => point.cpu) ?? []}
        limit={domain.config.cap > 0 ? domain.config.cap : domain.config.vcpus * 100}
        label={`CPU of ${domain.name}: ${formatPercent(percent)} percent`}
      />
      <span className="figures text-ink-soft w-12 text-right text-sm">{formatPercent(percent)}%</span>
    </span>
  );
}

function RateCell({ domain }: { domain: Domain }) {
  return <Rate value={useDomainMoney(domain).rateNow} />;
}

function CostCell({ domain }: { domain: Domain }) {
  return <Money value={useDomainMoney(domain).accrued} decimals={6} />;
}

function FirstUse() {
  return (
    <EmptyState
      icon={<Boxes />}
      title="No domains yet"
      action={
        <Button asChild variant="primary">
          <Link href="/domains/new">
            <Plus aria-hidden /> Create a domain
          </Link>
        </Button>
      }
    >
      A domain is a slice of a host: CPU, memory, disk and a port on the network. You pay for what it holds
      and uses, while it does.
    </EmptyState>
  );
}

function NoMatch({ clear }: { clear: () => void }) {
  return (
    <EmptyState
      icon={<SearchX />}
      title="No domain matches"
      action={<Button onClick={clear}>Clear the filters</Button>}
    >
      There are domains, but none with this name and state.
    </EmptyState>
  );
}
