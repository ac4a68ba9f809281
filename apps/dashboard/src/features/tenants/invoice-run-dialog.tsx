'use client';
import { CircleCheck } from 'lucide-react';
import { useState } from 'react';
import { newIdempotencyKey } from '../../api/client';
import type { OperatorTenant } from '../../api/contract';
import { useInvoiceRun } from '../../api/operator';
import { Button } from '../../ui/button';
import { formatMoney } from '../../ui/format/money';
import { Dialog } from '../../ui/overlay/dialog';
import { ProblemNote } from '../../ui/problem-note';

interface InvoiceRunDialogProps {
  readonly tenant: OperatorTenant;
  readonly onClose: () => void;
}

/** Closes the ended period of one tenant and issues its invoice. */
export function InvoiceRunDialog({ tenant, onClose }: InvoiceRunDialogProps) {
  const run = useInvoiceRun();
  const [key] = useState(newIdempotencyKey);
  const operation = run.data;
  const failed = operation?.status === 'failed' ? operation.error : null;
  const succeeded = operation?.status === 'succeeded';
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={`Invoice ${tenant.name}`}
      description="Rates the last ended period to its end, freezes it, numbers the invoice and posts it to the ledger. Running it twice changes nothing."
    >
      <p className="bg-sunken figures rounded-lg px-3 py-2.5" data-testid="confirm-money">
        {formatMoney(tenant.accrued, 6)} have accrued for {tenant.name} and are not invoiced yet.
      </p>
      <div className="mt-4 space-y-4">
        {run.error ? <ProblemNote error={run.error} /> : null}
        {failed ? (
          <ProblemNote
            error={Object.assign(new Error(failed.title), { ...failed, requestId: failed.request_id })}
          />
        ) : null}
        {succeeded ? (
          <p role="status" data-testid="invoice-run-done" className="text-good-text flex items-center gap-2">
            <CircleCheck aria-hidden className="size-4" /> The invoice is issued.
          </p>
        ) : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{operation ? 'Close' : 'Cancel'}</Button>
          {succeeded ? null : (
            <Button
              variant="primary"
              disabled={run.isPending}
              data-testid="invoice-run-submit"
              onClick={() => run.mutate({ tenantId: tenant.id, key })}
            >
              {run.isPending ? 'Closing the period…' : 'Close and invoice'}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
