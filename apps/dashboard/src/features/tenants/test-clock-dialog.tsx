'use client';
import { useState, type FormEvent } from 'react';
import { toast } from 'sonner';
import type { OperatorTenant } from '../../api/contract';
import { useAdvanceTestClock, useTenantAccount } from '../../api/operator';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/form/field';
import { formatMoment } from '../../ui/format/time';
import { Dialog } from '../../ui/overlay/dialog';
import { ProblemNote } from '../../ui/problem-note';
import { nextPeriodStart, readMoment } from './next-period';

interface TestClockDialogProps {
  readonly tenant: OperatorTenant;
  readonly onClose: () => void;
}

/** Moves a test tenant's clock on; it never goes back. */
export function TestClockDialog({ tenant, onClose }: TestClockDialogProps) {
  const advance = useAdvanceTestClock();
  const account = useTenantAccount(tenant.id);
  // Until something is typed, the start of the next period as that tenant sees it.
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? (account.data ? nextPeriodStart(account.data.now) : '');
  const moment = readMoment(text);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!moment) return;
    const done = ({ now }: { now: string }) => {
      toast(`${tenant.name} is now at ${formatMoment(now, 'UTC')} UTC`);
      onClose();
    };
    advance.mutate({ tenantId: tenant.id, advanceTo: moment }, { onSuccess: done });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={`Advance the clock of ${tenant.name}`}
      description="Only this test tenant’s time moves. It cannot be moved back."
    >
      <form onSubmit={submit} className="space-y-4" aria-label="Test clock">
        <Field
          label="Advance to (UTC)"
          hint={
            account.data
              ? `For this tenant it is ${formatMoment(account.data.now, 'UTC')}. The start of the next month ends the open period.`
              : 'The start of the next month ends the open period.'
          }
          error={moment || text === '' ? undefined : 'A moment like 2025-12-01T00:00:00Z.'}
        >
          {(ids) => (
            <Input
              {...ids}
              data-testid="clock-advance-to"
              className="font-mono"
              autoComplete="off"
              value={text}
              onChange={(event) => setTyped(event.target.value)}
            />
          )}
        </Field>
        {advance.error ? <ProblemNote error={advance.error} /> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            variant="primary"
            disabled={!moment || advance.isPending}
            data-testid="clock-submit"
          >
            {advance.isPending ? 'Advancing…' : 'Advance'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
