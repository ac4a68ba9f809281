'use client';
import { Download, FileText } from 'lucide-react';
import Link from 'next/link';
import { useInvoices } from '../../api/billing';
import { useTenantZone } from '../../api/session';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { Card } from '../../ui/card';
import { EmptyState } from '../../ui/empty-state';
import { formatDate, formatPeriod } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { SkeletonRows } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';
import { InvoiceStatus } from './invoice-status';

export function InvoiceList() {
  const query = useInvoices();
  const zone = useTenantZone();
  return (
    <Card>
      <Answered
        query={query}
        what="Invoices"
        skeleton={
          <div className="px-5">
            <SkeletonRows rows={4} className="h-7" />
          </div>
        }
      >
        {(data) => {
          const invoices = data.pages.flatMap((page) => page.data);
          if (invoices.length === 0) {
            return (
              <EmptyState icon={<FileText />} title="No invoices yet">
                An invoice is issued when a period closes. Its total is the last payable figure of the bill.
              </EmptyState>
            );
          }
          return (
            <Table label="Invoices">
              <thead>
                <tr>
                  <HeadCell>Number</HeadCell>
                  <HeadCell>Period</HeadCell>
                  <HeadCell>Issued</HeadCell>
                  <HeadCell>Status</HeadCell>
                  <HeadCell numeric>Total</HeadCell>
                  <HeadCell numeric>Download</HeadCell>
                </tr>
              </thead>
              <tbody>
                {invoices.map((invoice) => (
                  <Row key={invoice.id} data-testid="invoice-row" data-invoice={invoice.id}>
                    <Cell>
                      <Link
                        href={`/invoices/${invoice.id}`}
                        className="hover:text-accent-text font-medium whitespace-nowrap"
                      >
                        {invoice.number}
                      </Link>
                    </Cell>
                    <Cell className="whitespace-nowrap">{formatPeriod(invoice.period, zone)}</Cell>
                    <Cell className="whitespace-nowrap">{formatDate(invoice.issued_at, zone)}</Cell>
                    <Cell>
                      <InvoiceStatus status={invoice.status} />
                    </Cell>
                    <Cell numeric className="font-medium">
                      <Money value={invoice.total} testId="invoice-row-total" />
                    </Cell>
                    <Cell numeric>
                      <span className="inline-flex gap-1">
                        <DownloadLink id={invoice.id} number={invoice.number} kind="json" small />
                        <DownloadLink id={invoice.id} number={invoice.number} kind="csv" small />
                      </span>
                    </Cell>
                  </Row>
                ))}
              </tbody>
            </Table>
          );
        }}
      </Answered>
      {query.hasNextPage ? (
        <div className="border-line border-t p-3 text-center">
          <Button size="small" onClick={() => void query.fetchNextPage()}>
            Show earlier invoices
          </Button>
        </div>
      ) : null}
    </Card>
  );
}

interface DownloadLinkProps {
  readonly id: string;
  readonly number: string;
  readonly kind: 'json' | 'csv';
  readonly small?: boolean;
}

/** The API's own document, byte for byte. */
export function DownloadLink({ id, number, kind, small = false }: DownloadLinkProps) {
  return (
    <Button asChild size={small ? 'small' : 'default'} variant={small ? 'ghost' : 'outline'}>
      <a
        href={`/api/v1/invoices/${id}.${kind}`}
        download={`${number}.${kind}`}
        aria-label={`Download ${number} as ${kind.toUpperCase()}`}
        data-testid={`invoice-${kind}`}
      >
        <Download aria-hidden />
        {kind.toUpperCase()}
      </a>
    </Button>
  );
}
