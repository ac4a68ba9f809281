'use client';
import { ArrowUp } from 'lucide-react';
import type { ReactNode } from 'react';
import { useDerivation } from '../../api/billing';
import type { Derivation } from '../../api/contract';
import { Answered } from '../../ui/answered';
import { Badge } from '../../ui/badge';
import { formatPrice } from '../../ui/format/money';
import { formatCount, plural } from '../../ui/format/quantity';
import { formatMoment } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { Dialog } from '../../ui/overlay/dialog';
import { Skeleton } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';
import { picoText } from './pico';

/** The cent waterfall: an amount, what it was before rounding, the price, the quantity, and the readings below it. */
export function DerivationDialog({ lineId, onClose }: { lineId: string | null; onClose: () => void }) {
  const query = useDerivation(lineId);
  return (
    <Dialog
      wide
      open={lineId !== null}
      onOpenChange={(open) => (open ? undefined : onClose())}
      title="Where this amount comes from"
      description={query.data?.line.description}
    >
      <Answered query={query} what="Derivation" skeleton={<WaterfallSkeleton />}>
        {(derivation) => <Waterfall derivation={derivation} />}
      </Answered>
    </Dialog>
  );
}

function Waterfall({ derivation }: { derivation: Derivation }) {
  const { line, price, quantity, exact, cap, rounding, records } = derivation;
  return (
    <ol data-testid="derivation" className="space-y-2">
      <Step title="On the invoice" depth={0} why="What this line adds to the total.">
        <Money value={line.amount} className="text-[26px] leading-8 font-semibold tracking-[-0.02em]" />
      </Step>
      <Step
        title="Rounding"
        depth={1}
        why={`The whole invoice, ${picoText(rounding.net_exact_pico)}, is rounded once to ${rounding.net_rounded.amount}; its cents go to the lines by largest remainder.`}
      >
        <Money value={rounding.allocated} />
      </Step>
      {cap ? (
        <Step
          title="Monthly cap"
          depth={2}
          why={
            cap.reached
              ? `The capped lines came to ${picoText(cap.group_gross_pico)}; the plan promises no more than this.`
              : `The capped lines came to ${picoText(cap.group_gross_pico)}, which is below the cap.`
          }
        >
          <Money value={cap.limit} />
        </Step>
      ) : null}
      <Step
        title="Exact amount"
        depth={2}
        why={`Billable quantity × price is ${picoText(exact.gross_pico)}; in units of 10⁻¹²: ${exact.charge_pico}.`}
      >
        <span className="figures break-all">{picoText(exact.charge_pico)}</span>
      </Step>
      <Step title="Price" depth={3} why={`Frozen in price version ${price.version_id}.`}>
        <span className="figures">
          {formatPrice(price.amount)}{' '}
          <span className="text-ink-soft">
            per {formatCount(price.per_quantity)} {quantity.unit}
          </span>
        </span>
      </Step>
      <Step
        title="Billable quantity"
        depth={3}
        why={`${formatCount(quantity.total)} metered, less ${formatCount(quantity.included)} included in the plan.`}
      >
        <span className="figures">
          {formatCount(quantity.billable)} <span className="text-ink-soft">{quantity.unit}</span>
        </span>
      </Step>
      <li className="border-line overflow-hidden rounded-xl border" style={{ marginLeft: indent(4) }}>
        <p className="px-5 pt-3 pb-1 font-medium">
          Readings{' '}
          <span className="text-ink-soft font-normal">
            {plural(records.length, 'difference')} of two cumulative values
          </span>
        </p>
        <RecordTable records={records} />
      </li>
    </ol>
  );
}

function RecordTable({ records }: { records: Derivation['records'] }) {
  return (
    <Table label="Readings behind this amount" className="text-sm">
      <thead>
        <tr>
          <HeadCell>From</HeadCell>
          <HeadCell>To</HeadCell>
          <HeadCell>State</HeadCell>
          <HeadCell numeric>Difference</HeadCell>
        </tr>
      </thead>
      <tbody>
        {records.map((record) => (
          <Row key={`${record.incarnation}:${record.from.seq}:${record.to.seq}:${record.state}`}>
            <Cell>
              <ReadingRef reading={record.from} />
            </Cell>
            <Cell>
              <ReadingRef reading={record.to} />
            </Cell>
            <Cell>
              {record.state}
              {record.uncut ? (
                <Badge tone="warn" className="ml-2 h-5 px-2">
                  uncut
                </Badge>
              ) : null}
            </Cell>
            <Cell numeric>{formatCount(record.quantity)}</Cell>
          </Row>
        ))}
      </tbody>
    </Table>
  );
}

function ReadingRef({ reading }: { reading: Derivation['records'][number]['from'] }) {
  return (
    <span className="block whitespace-nowrap" title={`hash ${reading.hash}`}>
      <span className="figures">{formatCount(reading.value)}</span>
      <span className="text-ink-soft block text-[12px]">
        #{reading.seq} · {formatMoment(reading.at)} ·{' '}
        <span className="font-mono">{reading.hash.slice(0, 8)}</span>
      </span>
    </span>
  );
}

interface StepProps {
  readonly title: string;
  readonly depth: number;
  readonly why: string;
  readonly children: ReactNode;
}

function Step({ title, depth, why, children }: StepProps) {
  return (
    <li className="bg-sunken/60 rounded-xl px-4 py-3" style={{ marginLeft: indent(depth) }}>
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="flex items-center gap-2 font-medium">
          {depth > 0 ? <ArrowUp aria-hidden className="text-ink-soft size-3.5" /> : null}
          {title}
        </span>
        <span className="text-right">{children}</span>
      </div>
      <p className="text-ink-soft mt-0.5 text-sm break-words">{why}</p>
    </li>
  );
}

function indent(depth: number): string {
  return `min(${depth * 18}px, ${depth * 2.4}vw)`;
}

function WaterfallSkeleton() {
  return (
    <div role="status" aria-label="Loading the derivation" className="space-y-2">
      {[0, 1, 2, 3, 3].map((depth, index) => (
        <div key={index} style={{ marginLeft: indent(depth) }}>
          <Skeleton className="h-16 rounded-xl" />
        </div>
      ))}
    </div>
  );
}
