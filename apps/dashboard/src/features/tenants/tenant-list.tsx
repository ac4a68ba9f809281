'use client';
import { Clock, Ellipsis, FileCheck, Users } from 'lucide-react';
import { useState } from 'react';
import type { OperatorTenant, TenantAccount } from '../../api/contract';
import { useTenantAccount, useTenants } from '../../api/operator';
import { Answered } from '../../ui/answered';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card } from '../../ui/card';
import { MeterBar, toneOf } from '../../ui/chart/meter-bar';
import { EmptyState } from '../../ui/empty-state';
import { percentOf, sumDecimals } from '../../ui/format/decimal';
import { formatHeld, limitLabel } from '../../ui/format/quantity';
import { formatMoment } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { Menu, MenuItem } from '../../ui/overlay/menu';
import { SkeletonRows } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';
import { InvoiceRunDialog } from './invoice-run-dialog';
import { TestClockDialog } from './test-clock-dialog';

type Asked = { readonly what: Question; readonly tenant: OperatorTenant } | null;
type Question = 'clock' | 'invoice';

export function TenantList() {
  const query = useTenants();
  const [asked, setAsked] = useState<Asked>(null);
  return (
    <Card>
      <Answered
        query={query}
        what="Tenants"
        skeleton={
          <div className="px-5">
            <SkeletonRows rows={4} className="h-7" />
          </div>
        }
      >
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={<Users />} title="No tenants">
              Tenants appear here once they exist.
            </EmptyState>
          ) : (
            <Table label="Tenants">
              <thead>
                <tr>
                  <HeadCell>Tenant</HeadCell>
                  <HeadCell>Status</HeadCell>
                  <HeadCell numeric>Domains</HeadCell>
                  <HeadCell>Tightest limit</HeadCell>
                  <HeadCell numeric>Accrued</HeadCell>
                  <HeadCell numeric>May spend</HeadCell>
                  <HeadCell>Its time (UTC)</HeadCell>
                  <HeadCell>
                    <span className="sr-only">Actions</span>
                  </HeadCell>
                </tr>
              </thead>
              <tbody>
                {data.map((tenant) => (
                  <TenantRow key={tenant.id} tenant={tenant} onAsk={(what) => setAsked({ what, tenant })} />
                ))}
              </tbody>
            </Table>
          )
        }
      </Answered>
      {asked?.what === 'clock' ? (
        <TestClockDialog tenant={asked.tenant} onClose={() => setAsked(null)} />
      ) : null}
      {asked?.what === 'invoice' ? (
        <InvoiceRunDialog tenant={asked.tenant} onClose={() => setAsked(null)} />
      ) : null}
    </Card>
  );
}

function TenantRow({ tenant, onAsk }: { tenant: OperatorTenant; onAsk: (what: Question) => void }) {
  const test = tenant.mode === 'test';
  const account = useTenantAccount(tenant.id);
  return (
    <Row data-testid={`tenant-row-${tenant.id}`}>
      <Cell>
        <span
          className="flex items-center gap-2 font-medium whitespace-nowrap"
          title={`Since ${formatMoment(tenant.created_at)}`}
        >
          {tenant.name}
          {test ? <Badge tone="warn">Test</Badge> : null}
        </span>
        <span className="text-ink-soft block font-mono text-[12px]">{tenant.id}</span>
      </Cell>
      <Cell className="capitalize">{tenant.status}</Cell>
      <Cell numeric>{account.data?.domains ?? '–'}</Cell>
      <Cell className="min-w-52">
        {account.data ? <TightestLimit name={tenant.name} limits={account.data.limits} /> : null}
        {account.error ? <span className="text-bad-text text-sm">{account.error.message}</span> : null}
      </Cell>
      <Cell numeric>{account.data ? <Money value={account.data.accrued} decimals={6} /> : '–'}</Cell>
      <Cell numeric>
        {account.data ? (
          <>
            <Money value={account.data.cap} />
            <span className="text-ink-soft block text-sm">
              {account.data.capped_by_budget ? 'budget' : 'default'}
            </span>
          </>
        ) : (
          '–'
        )}
      </Cell>
      <Cell className="figures whitespace-nowrap">
        {account.data ? formatMoment(account.data.now, 'UTC') : '–'}
      </Cell>
      <Cell className="w-10">
        <Menu
          label={`Actions for ${tenant.name}`}
          trigger={
            <Button
              variant="ghost"
              size="icon-small"
              aria-label={`Actions for ${tenant.name}`}
              data-testid="tenant-menu"
            >
              <Ellipsis aria-hidden />
            </Button>
          }
        >
          <MenuItem icon={<FileCheck aria-hidden />} onSelect={() => onAsk('invoice')} testId="run-invoice">
            Close the period and invoice
          </MenuItem>
          <MenuItem
            icon={<Clock aria-hidden />}
            onSelect={() => onAsk('clock')}
            testId="advance-clock"
            blockedBy={test ? undefined : 'Only test tenants have a clock that can be moved.'}
          >
            Advance the test clock
          </MenuItem>
        </Menu>
      </Cell>
    </Row>
  );
}

function TightestLimit({ name, limits }: { name: string; limits: TenantAccount['limits'] }) {
  const rated = limits.map((limit) => ({
    limit,
    percent: percentOf(sumDecimals([limit.used, limit.reserved]), limit.limit),
  }));
  const tightest = rated.sort((a, b) => b.percent - a.percent)[0];
  if (!tightest) return <span className="text-ink-soft">no limits</span>;
  const { limit, percent } = tightest;
  return (
    <div className="space-y-1">
      <MeterBar
        label={`${name}: ${limitLabel(limit.name)}`}
        usedPercent={percentOf(limit.used, limit.limit)}
        reservedPercent={percentOf(limit.reserved, limit.limit)}
        tone={toneOf(percent)}
      />
      <p className="figures text-ink-soft text-sm">
        {limitLabel(limit.name)}: {formatHeld(limit.used, limit.unit)} of{' '}
        {formatHeld(limit.limit, limit.unit)}
      </p>
    </div>
  );
}
