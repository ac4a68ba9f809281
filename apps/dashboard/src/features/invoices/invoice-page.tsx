'use client';
import { parseAsString, useQueryState } from 'nuqs';
import { useInvoice } from '../../api/billing';
import type { Invoice } from '../../api/contract';
import { useTenantZone } from '../../api/session';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { CopyButton } from '../../ui/copy-button';
import { formatCount } from '../../ui/format/quantity';
import { formatDate, formatPeriod } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { PageHeader } from '../../ui/page-header';
import { PriceText } from '../../ui/price-list';
import { Skeleton } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';
import { DerivationDialog } from './derivation-dialog';
import { DownloadLink } from './invoice-list';
import { InvoiceStatus } from './invoice-status';

export function InvoicePage({ id }: { id: string }) {
  const query = useInvoice(id);
  return (
    <Answered query={query} what="Invoice" heading="Invoice" skeleton={<InvoiceSkeleton />}>
      {(invoice) => <InvoiceView invoice={invoice} />}
    </Answered>
  );
}

function InvoiceView({ invoice }: { invoice: Invoice }) {
  const zone = useTenantZone();
  // The open derivation is part of the address, so that it can be sent to somebody.
  const [lineId, setLineId] = useQueryState('line', parseAsString);
  return (
    <>
      <PageHeader
        title={invoice.number}
        badge={<InvoiceStatus status={invoice.status} />}
        note={`${formatPeriod(invoice.period, zone)} · issued ${formatDate(invoice.issued_at, zone)}`}
        actions={
          <>
            <DownloadLink id={invoice.id} number={invoice.number} kind="json" />
            <DownloadLink id={invoice.id} number={invoice.number} kind="csv" />
          </>
        }
      />
      <div className="grid grid-cols-1 gap-6">
        <Card>
          <CardBody className="grid grid-cols-2 gap-x-8 gap-y-4 pt-5 sm:grid-cols-[auto_auto_auto_minmax(0,1fr)]">
            <Figure name="Net" value={invoice.net} />
            <Figure name="Tax" value={invoice.tax} />
            <Figure name="Total" value={invoice.total} testId="invoice-total" />
            <div className="col-span-2 min-w-0 sm:col-span-1 sm:text-right">
              <p className="text-ink-soft text-sm">Content hash</p>
              <p className="flex items-center gap-1 sm:justify-end">
                <span className="truncate font-mono text-[12.5px]" title={invoice.content_hash}>
                  {invoice.content_hash}
                </span>
                <CopyButton text={invoice.content_hash} label="Copy the content hash" />
              </p>
            </div>
          </CardBody>
        </Card>
        <Card>
          <CardHeader title="Lines" note="Each amount can be followed down to the readings it came from" />
          <LineTable invoice={invoice} onDerive={(id) => void setLineId(id)} />
        </Card>
      </div>
      <DerivationDialog lineId={lineId} onClose={() => void setLineId(null)} />
    </>
  );
}

function LineTable({ invoice, onDerive }: { invoice: Invoice; onDerive: (lineId: string) => void }) {
  return (
    <div className="border-line border-t">
      <Table label="Invoice lines">
        <thead>
          <tr>
            <HeadCell>For</HeadCell>
            <HeadCell>Item</HeadCell>
            <HeadCell numeric>Quantity</HeadCell>
            <HeadCell numeric>Price</HeadCell>
            <HeadCell numeric>Amount</HeadCell>
            <HeadCell numeric>Where from</HeadCell>
          </tr>
        </thead>
        <tbody>
          {invoice.lines.map((line) => (
            <Row key={line.id} data-testid="invoice-line">
              <Cell className="font-medium whitespace-nowrap">{line.resource.name}</Cell>
              <Cell className="min-w-40">{line.description}</Cell>
              <Cell
                numeric
                title={
                  line.quantity === null ? undefined : `${formatCount(line.quantity)} ${line.unit ?? ''}`
                }
              >
                {line.quantity_text ?? '–'}
              </Cell>
              <Cell numeric>
                <PriceText price={line.price} />
              </Cell>
              <Cell numeric className="font-medium">
                <Money value={line.amount} />
              </Cell>
              <Cell numeric>
                <Button
                  size="small"
                  data-testid="derive"
                  aria-label={`Where ${line.resource.name}, ${line.description} comes from`}
                  onClick={() => onDerive(line.id)}
                >
                  Derivation
                </Button>
              </Cell>
            </Row>
          ))}
        </tbody>
        <tfoot>
          <tr className="bg-sunken/50 font-semibold">
            <Cell colSpan={4} className="border-t border-b-0">
              Net
            </Cell>
            <Cell numeric className="border-t border-b-0">
              <Money value={invoice.net} />
            </Cell>
            <Cell className="border-t border-b-0" />
          </tr>
        </tfoot>
      </Table>
    </div>
  );
}

function Figure({ name, value, testId }: { name: string; value: Invoice['net']; testId?: string }) {
  return (
    <div>
      <p className="text-ink-soft text-sm">{name}</p>
      <p className="text-[26px] leading-8 font-semibold tracking-[-0.02em]">
        <Money value={value} testId={testId} />
      </p>
    </div>
  );
}

function InvoiceSkeleton() {
  return (
    <div role="status" aria-label="Loading the invoice">
      <Skeleton className="mb-2 h-8 w-56" />
      <Skeleton className="mb-6 h-5 w-72" />
      <Skeleton className="mb-6 h-24 rounded-xl" />
      <Skeleton className="h-96 rounded-xl" />
    </div>
  );
}
