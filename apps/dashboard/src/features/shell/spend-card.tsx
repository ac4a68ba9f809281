'use client';
import Link from 'next/link';
import { useBill, useBudgets } from '../../api/billing';
import { useLiveBill } from '../../api/live/use-live-events';
import { MeterBar, toneOf } from '../../ui/chart/meter-bar';
import { formatMoney } from '../../ui/format/money';
import { monthName } from '../../ui/format/time';
import { Money } from '../../ui/money';

/** The foot of the rail: this period so far against the budget that is nearest to its end. */
export function SpendCard() {
  const bill = useBill();
  const budgets = useBudgets();
  const live = useLiveBill();
  if (!bill.data) return null;
  const nearest = [...(budgets.data?.data ?? [])].sort((a, b) => Number(b.percent) - Number(a.percent))[0];
  const percent = Number(nearest?.percent ?? 0);
  return (
    <Link
      href="/budgets"
      className="border-line bg-sunken/60 hover:bg-sunken block rounded-xl border p-3 transition-colors"
    >
      <span className="text-ink-soft block text-sm">
        {monthName(bill.data.period.start, bill.data.period.time_zone)} so far
      </span>
      <Money value={live?.accrued ?? bill.data.accrued} className="text-base font-semibold" />
      {nearest ? (
        <>
          <span className="mt-2 block">
            <MeterBar label={`Budget ${nearest.name}`} usedPercent={percent} tone={toneOf(percent)} />
          </span>
          <span className="text-ink-soft figures mt-1.5 block text-sm">
            {percent > 0 && percent < 1 ? '<1' : Math.floor(percent)}% of {formatMoney(nearest.amount)} budget
          </span>
        </>
      ) : (
        <span className="text-ink-soft block text-sm">No budget set</span>
      )}
    </Link>
  );
}
