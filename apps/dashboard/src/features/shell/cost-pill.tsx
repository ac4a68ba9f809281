'use client';
import { ChevronDown } from 'lucide-react';
import Link from 'next/link';
import { useBill } from '../../api/billing';
import type { Bill } from '../../api/contract';
import { useLiveBill } from '../../api/live/use-live-events';
import { Button } from '../../ui/button';
import { Fact, Facts } from '../../ui/card';
import { compareDecimals, sumDecimals } from '../../ui/format/decimal';
import { monthName } from '../../ui/format/time';
import { Money, Rate } from '../../ui/money';
import { Popover } from '../../ui/overlay/popover';
import { Skeleton } from '../../ui/skeleton';

/** What everything costs this hour and so far, on every page; it ticks and opens its parts. */
export function CostPill() {
  const bill = useBill();
  const live = useLiveBill();
  if (!bill.data) return bill.error ? null : <Skeleton className="h-9 w-36 rounded-full" />;
  const accrued = live?.accrued ?? bill.data.accrued;
  const rate = live?.rate_per_hour ?? bill.data.rate_per_hour;
  const trigger = (
    <Button
      data-testid="cost-pill"
      className="rounded-full px-3 font-normal"
      aria-label="Running cost: open the parts"
    >
      <Rate value={rate} className="text-ink-soft hidden sm:inline" />
      <span aria-hidden className="bg-line-strong hidden h-4 w-px sm:inline-block" />
      <Money value={accrued} decimals={4} className="font-medium" />
      <ChevronDown aria-hidden className="text-ink-soft !size-3.5" />
    </Button>
  );
  return (
    <Popover trigger={trigger} label="Running cost">
      <p className="font-semibold">{monthName(bill.data.period.start, bill.data.period.time_zone)} so far</p>
      <Facts className="mt-2">
        <Fact name="Rate now">
          <Rate value={rate} />
        </Fact>
        <Fact name="Accrued">
          <Money value={accrued} decimals={6} />
        </Fact>
        <Fact name="Payable">
          <Money value={live?.payable ?? bill.data.payable} />
        </Fact>
        <Fact name="Forecast">
          <Money value={bill.data.forecast} />
        </Fact>
        {largestResources(bill.data).map((resource) => (
          <Fact key={resource.name} name={resource.name}>
            <Money value={{ amount: resource.amount, currency: accrued.currency }} decimals={4} />
          </Fact>
        ))}
      </Facts>
      <Button asChild size="small" className="mt-3 w-full">
        <Link href="/bill">Open the bill</Link>
      </Button>
    </Popover>
  );
}

function largestResources(bill: Bill): { name: string; amount: string }[] {
  const amounts = new Map<string, string[]>();
  for (const line of bill.lines) {
    amounts.set(line.resource.name, [...(amounts.get(line.resource.name) ?? []), line.exact.amount]);
  }
  return [...amounts]
    .map(([name, parts]) => ({ name, amount: sumDecimals(parts) }))
    .sort((a, b) => compareDecimals(b.amount, a.amount))
    .slice(0, 3);
}
