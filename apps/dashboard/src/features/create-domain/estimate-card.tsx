'use client';
import type { ReactNode } from 'react';
import type { Estimate } from '../../api/contract';
import { Card, CardBody, CardHeader, Fact, Facts } from '../../ui/card';
import { classNames } from '../../ui/class-names';
import { formatMoney } from '../../ui/format/money';
import { timeToLimit } from '../../ui/format/time';
import { LimitMeter } from '../../ui/limit-meter';
import { Money, Rate } from '../../ui/money';
import { ProblemNote } from '../../ui/problem-note';
import { Skeleton } from '../../ui/skeleton';

interface EstimateCardProps {
  readonly estimate: Estimate | undefined;
  readonly error: Error | null;
  readonly stale: boolean;
  readonly footer: ReactNode;
}

/** What creating it would cost and take of the limits; the same numbers are booked. */
export function EstimateCard({ estimate, error, stale, footer }: EstimateCardProps) {
  return (
    <Card className="lg:sticky lg:top-20" data-testid="estimate">
      <CardHeader title="Estimate" note="Per hour while it runs; you pay for what is metered" />
      <CardBody className={classNames('transition-opacity', stale && 'opacity-60')}>
        {error ? <ProblemNote error={error} what="Estimate" /> : null}
        {!error && !estimate ? <EstimateSkeleton /> : null}
        {!error && estimate ? <EstimateBody estimate={estimate} /> : null}
        <div className="mt-4">{footer}</div>
      </CardBody>
    </Card>
  );
}

function EstimateBody({ estimate }: { estimate: Estimate }) {
  return (
    <>
      <p className="text-[34px] leading-10 font-semibold tracking-[-0.025em]" data-testid="estimate-hourly">
        <Money value={estimate.hourly_running} decimals={6} />
        <span className="text-ink-soft ml-1 text-base font-normal tracking-normal">per hour idle</span>
      </p>
      <Facts className="mt-3">
        {estimate.lines.map((line) => (
          <Fact key={line.item} name={line.description}>
            {line.hourly ? <Rate value={line.hourly} /> : <span className="text-ink-soft">by use</span>}
          </Fact>
        ))}
        <Fact name="At full CPU">
          <Rate value={estimate.hourly_max} className="font-medium" />
        </Fact>
        <Fact name="A month at full CPU">
          <Money value={estimate.monthly_max} className="font-medium" />
        </Fact>
        {estimate.monthly_cap ? (
          <Fact name="Never more than">
            <Money value={estimate.monthly_cap} className="font-medium" />
          </Fact>
        ) : null}
      </Facts>
      <h3 className="mt-4 mb-3 font-semibold">Your limits with it</h3>
      <div className="space-y-4">
        {estimate.limits.map((limit) => (
          <LimitMeter key={limit.name} {...limit} />
        ))}
      </div>
      <BudgetEffect estimate={estimate} />
    </>
  );
}

function BudgetEffect({ estimate }: { estimate: Estimate }) {
  const { budget } = estimate;
  if (!budget)
    return <p className="text-ink-soft mt-4 text-sm">No budget is set: nothing stops it but you.</p>;
  return (
    <div className="mt-4">
      <h3 className="mb-1 font-semibold">Your budget with it</h3>
      <p className="figures">
        {formatMoney(budget.remaining, 4)} of {formatMoney(budget.cap)} left; at full rate used up{' '}
        {timeToLimit(budget.seconds_at_max_rate).replace(' at this pace', '')}.
      </p>
      <p
        className={classNames(
          'figures mt-1 text-sm',
          budget.covers_landing_reserve ? 'text-ink-soft' : 'text-bad-text',
        )}
      >
        {budget.covers_landing_reserve
          ? `${formatMoney(estimate.landing_reserve, 6)} is kept aside, so that disk and memory live on when the money ends.`
          : `The budget does not cover the landing reserve of ${formatMoney(estimate.landing_reserve, 6)}: raise it first.`}
      </p>
    </div>
  );
}

function EstimateSkeleton() {
  return (
    <div role="status" aria-label="Estimating" className="space-y-3">
      <Skeleton className="h-10 w-52" />
      {[0, 1, 2, 3, 4].map((one) => (
        <Skeleton key={one} className="h-6" />
      ))}
      <Skeleton className="h-24" />
    </div>
  );
}

/** Why this order would be refused; undefined when it would not. */
export function refusalOf(estimate: Estimate | undefined): string | undefined {
  const over =
    estimate?.limits.filter((limit) => !limit.ok).map((limit) => limit.name.replaceAll('_', ' ')) ?? [];
  if (over.length > 0) return `Over your limit of ${over.join(', ')}.`;
  if (estimate && !estimate.budget.covers_landing_reserve)
    return 'The budget does not cover the landing reserve.';
  return undefined;
}
