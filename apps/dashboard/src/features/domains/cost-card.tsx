'use client';
import { useBill } from '../../api/billing';
import type { Bill, BillLine, Domain } from '../../api/contract';
import { useDomainMoney } from '../../api/live/use-live-events';
import { Answered } from '../../ui/answered';
import { Badge } from '../../ui/badge';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { ShareBar } from '../../ui/chart/share-bar';
import { formatRate } from '../../ui/format/money';
import { formatDate } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { SkeletonRows } from '../../ui/skeleton';

const colours = ['var(--cpu)', 'var(--memory)', 'var(--network)', 'var(--disk)', 'var(--other)'];

/** What this domain has cost in the period, ticking, and from what. */
export function CostCard({ domain }: { domain: Domain }) {
  const bill = useBill({ watch: true });
  return (
    <Card>
      <CardHeader
        title="Accruing cost"
        note={
          bill.data
            ? `Since ${formatDate(bill.data.period.start, bill.data.period.time_zone)}`
            : 'This period'
        }
        aside={<RateBadge domain={domain} />}
      />
      <CardBody>
        <TickingCost domain={domain} />
        <Answered query={bill} what="Cost by line" skeleton={<SkeletonRows rows={4} />}>
          {(data) => <CostLines lines={linesOf(data, domain)} />}
        </Answered>
      </CardBody>
    </Card>
  );
}

function RateBadge({ domain }: { domain: Domain }) {
  const rate = useDomainMoney(domain).rateNow;
  return (
    <Badge className="figures rounded-md" data-testid="rate-now">
      {formatRate(rate)}/h
    </Badge>
  );
}

function TickingCost({ domain }: { domain: Domain }) {
  const money = useDomainMoney(domain);
  return (
    <p className="mb-4 text-[34px] leading-10 font-semibold tracking-[-0.025em]" aria-live="off">
      <Money value={money.accrued} decimals={6} testId="accrued" />
    </p>
  );
}

function linesOf(bill: Bill, domain: Domain): BillLine[] {
  const own = new Set([domain.id, ...domain.config.volumes.map((volume) => volume.id)]);
  return bill.lines.filter((line) => own.has(line.resource.id));
}

function CostLines({ lines }: { lines: readonly BillLine[] }) {
  if (lines.length === 0) return <p className="text-ink-soft">Nothing metered in this period yet.</p>;
  const shares = lines.map((line, index) => ({
    name: line.description,
    value: Number(line.exact.amount),
    colour: colours[index % colours.length] ?? 'var(--other)',
    text: line.exact.amount,
  }));
  return (
    <>
      <ShareBar label="Cost by line" shares={shares} legend={false} />
      <ul className="divide-line mt-3 divide-y">
        {lines.map((line, index) => (
          <li key={line.id} className="flex items-baseline gap-2.5 py-2">
            <span
              aria-hidden
              className="size-2 shrink-0 self-center rounded-[3px]"
              style={{ background: colours[index % colours.length] }}
            />
            <span className="min-w-0 flex-1">
              {line.description} <span className="text-ink-soft text-sm">{line.quantity_text}</span>
            </span>
            <Money value={line.exact} decimals={6} />
          </li>
        ))}
      </ul>
    </>
  );
}
