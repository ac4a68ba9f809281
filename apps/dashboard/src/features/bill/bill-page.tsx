'use client';
import { Coins } from 'lucide-react';
import Link from 'next/link';
import { useBill } from '../../api/billing';
import type { Bill } from '../../api/contract';
import { useLiveBill } from '../../api/live/use-live-events';
import { Answered } from '../../ui/answered';
import { Badge } from '../../ui/badge';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { EmptyState } from '../../ui/empty-state';
import { formatClock, formatMoment, formatPeriod } from '../../ui/format/time';
import { Money, Rate } from '../../ui/money';
import { PageHeader } from '../../ui/page-header';
import { Skeleton, SkeletonRows } from '../../ui/skeleton';
import { AccrualChart } from './accrual-chart';
import { BillLines } from './bill-lines';

/** The open period: a total that ticks, where it is heading, and the lines it is the sum of. */
export function BillPage() {
  const bill = useBill({ watch: true });
  return (
    <>
      <PageHeader
        title="Bill"
        badge={bill.data?.provisional ? <Badge tone="accent">Open period</Badge> : null}
        note={bill.data ? formatPeriod(bill.data.period, bill.data.period.time_zone) : 'The open period'}
      />
      <Answered query={bill} what="Bill" skeleton={<BillSkeleton />}>
        {(data) => (
          <div className="grid grid-cols-1 gap-6">
            <div className="grid grid-cols-1 gap-6 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
              <TotalCard bill={data} />
              <Card>
                <CardHeader
                  title="Projection"
                  note="If the rest of the period goes on at the present rate"
                  aside={<Rate value={data.rate_per_hour} />}
                />
                <CardBody>
                  <AccrualChart bill={data} />
                </CardBody>
              </Card>
            </div>
            <Card>
              <CardHeader
                title="Lines"
                note="Quantity × price, exact; the payable column is rounded so that it adds up to the cent"
                aside={data.metered_to ? `metered to ${formatClock(data.metered_to)}` : undefined}
              />
              {data.lines.length === 0 ? <NothingMetered /> : <BillLines bill={data} />}
            </Card>
          </div>
        )}
      </Answered>
    </>
  );
}

function TotalCard({ bill }: { bill: Bill }) {
  const live = useLiveBill();
  const accrued = live?.accrued ?? bill.accrued;
  const meteredTo = live?.metered_to ?? bill.metered_to;
  return (
    <Card>
      <CardHeader
        title="Accrued"
        note={meteredTo ? `Metered to ${formatMoment(meteredTo)}` : 'Nothing metered yet'}
        aside={
          <Badge className="figures rounded-md">
            <Rate value={live?.rate_per_hour ?? bill.rate_per_hour} />
          </Badge>
        }
      />
      <CardBody>
        <p className="text-[34px] leading-10 font-semibold tracking-[-0.025em]" aria-live="off">
          <Money value={accrued} decimals={6} testId="bill-accrued" />
        </p>
        <dl className="mt-4 grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
          <Figure name="Net" value={bill.net} />
          <Figure name="Tax" value={bill.tax} />
          <Figure name="Payable" value={live?.payable ?? bill.payable} testId="bill-payable" />
          <Figure name="Forecast" value={bill.forecast} />
        </dl>
      </CardBody>
    </Card>
  );
}

function Figure({ name, value, testId }: { name: string; value: Bill['payable']; testId?: string }) {
  return (
    <div>
      <dt className="text-ink-soft text-sm">{name}</dt>
      <dd className="text-base font-semibold">
        <Money value={value} testId={testId} />
      </dd>
    </div>
  );
}

function NothingMetered() {
  return (
    <EmptyState icon={<Coins />} title="Nothing on the bill yet">
      Lines appear as soon as a{' '}
      <Link href="/domains" className="text-accent-text underline underline-offset-4">
        domain
      </Link>{' '}
      holds or uses something.
    </EmptyState>
  );
}

function BillSkeleton() {
  return (
    <div className="grid grid-cols-1 gap-6">
      <div className="grid grid-cols-1 gap-6 lg:grid-cols-2">
        <Skeleton className="h-52 rounded-xl" />
        <Skeleton className="h-52 rounded-xl" />
      </div>
      <Card>
        <CardBody className="pt-4">
          <SkeletonRows rows={6} />
        </CardBody>
      </Card>
    </div>
  );
}
