'use client';
import { CircleAlert, CircleCheck, CircleHelp } from 'lucide-react';
import Link from 'next/link';
import type { Bill, BillLine } from '../../api/contract';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Fact, Facts } from '../../ui/card';
import { compareDecimals, sumDecimals } from '../../ui/format/decimal';
import { formatMoney } from '../../ui/format/money';
import { formatCount } from '../../ui/format/quantity';
import { Money } from '../../ui/money';
import { PriceText } from '../../ui/price-list';
import { Popover } from '../../ui/overlay/popover';
import { Cell, HeadCell, Row, Table } from '../../ui/table';

/** Resource, item, quantity × price, exact and payable; closed by the check that the payable column is the total. */
export function BillLines({ bill }: { bill: Bill }) {
  return (
    <div className="border-line border-t">
      <Table label="Bill lines">
        <thead>
          <tr>
            <HeadCell>For</HeadCell>
            <HeadCell>Item</HeadCell>
            <HeadCell numeric>Quantity</HeadCell>
            <HeadCell numeric>Price</HeadCell>
            <HeadCell numeric>Exact</HeadCell>
            <HeadCell numeric>Payable</HeadCell>
            <HeadCell>
              <span className="sr-only">Why this price</span>
            </HeadCell>
          </tr>
        </thead>
        <tbody>
          {bill.lines.map((line) => (
            <BillRow key={line.id} line={line} />
          ))}
        </tbody>
        <tfoot>
          <SumRow bill={bill} />
        </tfoot>
      </Table>
      <SumCheck bill={bill} />
    </div>
  );
}

function BillRow({ line }: { line: BillLine }) {
  return (
    <Row>
      <Cell className="whitespace-nowrap">
        {line.resource.type === 'domain' ? (
          <Link href={`/domains/${line.resource.id}`} className="hover:text-accent-text font-medium">
            {line.resource.name}
          </Link>
        ) : (
          <span className="font-medium">{line.resource.name}</span>
        )}
        <span className="text-ink-soft block text-sm">{line.plan}</span>
      </Cell>
      <Cell className="min-w-40">
        {line.description}
        {line.capped_by ? (
          <Badge tone="good" className="ml-2 h-5 px-2">
            capped
          </Badge>
        ) : null}
      </Cell>
      <Cell numeric title={`${formatCount(line.quantity)} ${line.unit}`}>
        {line.quantity_text}
      </Cell>
      <Cell numeric>
        <PriceText price={line.price} />
      </Cell>
      <Cell numeric>
        <Money value={line.exact} decimals={6} />
      </Cell>
      <Cell numeric className="font-medium">
        <Money value={line.payable} />
      </Cell>
      <Cell className="w-10">
        <WhyThisPrice line={line} />
      </Cell>
    </Row>
  );
}

function WhyThisPrice({ line }: { line: BillLine }) {
  const trigger = (
    <Button
      variant="ghost"
      size="icon-small"
      aria-label={`Why this price: ${line.resource.name}, ${line.description}`}
    >
      <CircleHelp aria-hidden />
    </Button>
  );
  return (
    <Popover trigger={trigger} label="Why this price">
      <p className="font-semibold">Why {formatMoney(line.exact, 6)}</p>
      <p className="text-ink-soft text-sm">
        {line.description}, on plan {line.plan}
      </p>
      <Facts className="mt-2">
        <Fact name="Metered">
          {formatCount(line.quantity)} {line.unit}
        </Fact>
        <Fact name="Included">− {formatCount(line.included)}</Fact>
        <Fact name="Billable">{formatCount(line.billable)}</Fact>
        <Fact name="Price">
          <PriceText price={line.price} />
        </Fact>
        {line.capped_by ? (
          <Fact name="Monthly cap">
            <Money value={line.capped_by} />
          </Fact>
        ) : null}
        <Fact name="Exact">
          <span className="break-all">{line.exact.amount}</span>
        </Fact>
        <Fact name="Payable">
          <Money value={line.payable} className="font-semibold" />
        </Fact>
      </Facts>
      <p className="text-ink-soft mt-2 text-sm">
        The exact total is rounded once; the cents are given to the lines by largest remainder, so that the
        column adds up.
      </p>
    </Popover>
  );
}

/** The sums of both columns of money. */
function SumRow({ bill }: { bill: Bill }) {
  const { currency } = bill.payable;
  const lines = sumDecimals(bill.lines.map((line) => line.payable.amount));
  const exact = sumDecimals(bill.lines.map((line) => line.exact.amount));
  return (
    <tr className="bg-sunken/50 font-medium">
      <Cell colSpan={4} className="border-t border-b-0">
        Sum
      </Cell>
      <Cell numeric className="border-t border-b-0">
        <Money value={{ amount: exact, currency }} decimals={6} />
      </Cell>
      <Cell numeric className="border-t border-b-0">
        <Money value={{ amount: lines, currency }} />
      </Cell>
      <Cell className="border-t border-b-0" />
    </tr>
  );
}

/** What must hold: the lines make the net, and net and tax make the payable amount. */
function SumCheck({ bill }: { bill: Bill }) {
  const { currency } = bill.payable;
  const lines = sumDecimals(bill.lines.map((line) => line.payable.amount));
  const agrees = compareDecimals(sumDecimals([lines, bill.tax.amount]), bill.payable.amount) === 0;
  const words = `lines ${formatMoney({ amount: lines, currency })} + tax ${formatMoney(bill.tax)}`;
  const Icon = agrees ? CircleCheck : CircleAlert;
  return (
    <p
      data-testid="bill-check"
      data-agrees={agrees}
      className="border-line figures flex items-start gap-2 border-t px-5 py-3 font-medium"
    >
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${agrees ? 'text-good-text' : 'text-bad-text'}`} />
      {agrees
        ? `Checked: ${words} = payable ${formatMoney(bill.payable)}`
        : `Does not add up: ${words}, but payable is ${formatMoney(bill.payable)}`}
    </p>
  );
}
