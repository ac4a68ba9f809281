'use client';
import { CircleCheck, LoaderCircle } from 'lucide-react';
import { useState } from 'react';
import { newIdempotencyKey } from '../../api/client';
import type { FeedEvent, OperatorTenant } from '../../api/contract';
import { useInvoiceRun, useIssuedInvoice, useTenantAccount } from '../../api/operator';
import { Button } from '../../ui/button';
import { Checkbox } from '../../ui/form/field';
import { formatMoney } from '../../ui/format/money';
import { formatPeriod } from '../../ui/format/time';
import { Dialog } from '../../ui/overlay/dialog';
import { ProblemNote } from '../../ui/problem-note';

interface InvoiceRunDialogProps {
  readonly tenant: OperatorTenant;
  readonly onClose: () => void;
}

/** Closes the ended period of one tenant; the invoice stands when the stream says that it was issued. */
export function InvoiceRunDialog({ tenant, onClose }: InvoiceRunDialogProps) {
  const run = useInvoiceRun();
  const account = useTenantAccount(tenant.id);
  const newest = useIssuedInvoice(tenant.id);
  const [before] = useState(newest?.id);
  const [key] = useState(newIdempotencyKey);
  const [force, setForce] = useState(false);
  const issued = run.data && newest && newest.id !== before ? newest : null;
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={`Invoice ${tenant.name}`}
      description="Rates the last ended period to its end, freezes it, numbers the invoice and posts it to the ledger. Running it twice changes nothing."
    >
      <p className="bg-sunken figures rounded-lg px-3 py-2.5" data-testid="confirm-money">
        {account.data
          ? `In its open period ${formatMoney(account.data.accrued, 6)} have accrued; that period is not closed by this.`
          : 'The open period is not closed by this.'}
      </p>
      <div className="mt-4 space-y-4">
        {run.data ? null : (
          <label className="flex items-start gap-2.5">
            <Checkbox
              className="mt-0.5"
              checked={force}
              onChange={(event) => setForce(event.target.checked)}
            />
            Do not wait for the last readings of hosts that are silent
          </label>
        )}
        {run.error ? <ProblemNote error={run.error} /> : null}
        {run.data ? <Progress period={run.data.period} issued={issued} zone={tenant.time_zone} /> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{run.data ? 'Close' : 'Cancel'}</Button>
          {run.data ? null : (
            <Button
              variant="primary"
              disabled={run.isPending}
              data-testid="invoice-run-submit"
              onClick={() => run.mutate({ tenantId: tenant.id, force, key })}
            >
              {run.isPending ? 'Asking…' : 'Close and invoice'}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}

interface ProgressProps {
  readonly period: { start: string; end: string };
  readonly issued: FeedEvent | null;
  readonly zone: string;
}

function Progress({ period, issued, zone }: ProgressProps) {
  if (issued) {
    return (
      <p role="status" data-testid="invoice-run-done" className="text-good-text flex items-center gap-2">
        <CircleCheck aria-hidden className="size-4 shrink-0" /> Invoice {String(issued.data['number'])} is
        issued.
      </p>
    );
  }
  return (
    <p role="status" data-testid="invoice-run-accepted" className="flex items-center gap-2">
      <LoaderCircle aria-hidden className="text-accent-text size-4 shrink-0 animate-spin" />
      Closing {formatPeriod(period, zone)}. The invoice follows when all readings are in; a period that is
      closed already stays as it is.
    </p>
  );
}
