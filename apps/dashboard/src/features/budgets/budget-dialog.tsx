'use client';
import { useState, type FormEvent } from 'react';
import { toast } from 'sonner';
import { useBill, useSaveBudget } from '../../api/billing';
import { newIdempotencyKey } from '../../api/client';
import type { Budget } from '../../api/contract';
import { ApiProblem } from '../../api/problem';
import { Button } from '../../ui/button';
import { ChoiceCard, Field, Input } from '../../ui/form/field';
import { formatMoney } from '../../ui/format/money';
import { Dialog } from '../../ui/overlay/dialog';
import { ProblemNote } from '../../ui/problem-note';
import { checkAmount, policyOrder, policyWords, readThresholds, type Policy } from './policy';

/** Makes a budget or changes one; raising a used-up budget lets its domains go on. */
export function BudgetDialog({ budget, onClose }: { budget: Budget | null; onClose: () => void }) {
  const bill = useBill();
  const save = useSaveBudget();
  const [key] = useState(newIdempotencyKey);
  const [tried, setTried] = useState(false);
  const [name, setName] = useState(budget?.name ?? '');
  const [amount, setAmount] = useState(budget?.amount.amount ?? '');
  const [policy, setPolicy] = useState<Policy>(budget?.policy ?? 'pause');
  const [marks, setMarks] = useState((budget?.thresholds_percent ?? [50, 80, 100]).join(', '));
  const currency = budget?.amount.currency ?? bill.data?.currency;
  const problem = save.error instanceof ApiProblem ? save.error : null;
  const errors = {
    name: name.trim() === '' ? 'Give it a name.' : undefined,
    amount: checkAmount(amount),
    marks: readThresholds(marks) === null ? 'Whole percents from 1 to 100, separated by commas.' : undefined,
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setTried(true);
    const thresholds = readThresholds(marks);
    const bad = errors.name ? 'name' : errors.amount ? 'amount' : errors.marks ? 'thresholds' : null;
    if (bad) return event.currentTarget.querySelector<HTMLElement>(`[name="${bad}"]`)?.focus();
    if (!currency || !thresholds) return;
    const body = { name: name.trim(), amount: { amount, currency }, policy, thresholds_percent: thresholds };
    const done = () => {
      toast(budget ? `Changed ${body.name}` : `Budget ${body.name} is set`);
      onClose();
    };
    save.mutate({ id: budget?.id ?? null, body, key }, { onSuccess: done });
  };
  const shown = (error: string | undefined) => (tried ? error : undefined);
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={budget ? `Raise or change ${budget.name}` : 'New budget'}
      description={
        bill.data
          ? `${formatMoney(bill.data.accrued, 4)} have accrued in this period so far.`
          : 'A ceiling on money.'
      }
    >
      <form onSubmit={submit} noValidate className="space-y-4" data-testid="budget-form" aria-label="Budget">
        <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
          <Field label="Name" error={shown(errors.name) ?? problem?.fieldDetail('name')}>
            {(ids) => (
              <Input
                {...ids}
                name="name"
                data-testid="budget-name"
                autoComplete="off"
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
          <Field
            label={`Amount in ${currency ?? '…'}`}
            error={shown(errors.amount) ?? problem?.fieldDetail('amount')}
          >
            {(ids) => (
              <Input
                {...ids}
                name="amount"
                data-testid="budget-amount"
                inputMode="decimal"
                autoComplete="off"
                placeholder="0.05"
                value={amount}
                onChange={(event) => setAmount(event.target.value.trim())}
              />
            )}
          </Field>
        </div>
        <fieldset>
          <legend className="mb-1.5 font-medium">When the money is gone</legend>
          <div className="space-y-2">
            {policyOrder.map((one) => (
              <ChoiceCard
                key={one}
                name="policy"
                value={one}
                checked={policy === one}
                onChange={() => setPolicy(one)}
                aria-label={policyWords[one].name}
                className="px-3 py-2.5"
                testId={`policy-${one}`}
              >
                <span className="font-medium">{policyWords[one].name}</span>
                <span className="text-ink-soft block text-sm">{policyWords[one].effect}</span>
              </ChoiceCard>
            ))}
          </div>
        </fieldset>
        <Field
          label="Warn at percent"
          error={shown(errors.marks) ?? problem?.fieldDetail('thresholds_percent')}
        >
          {(ids) => (
            <Input
              {...ids}
              name="thresholds"
              data-testid="budget-thresholds"
              autoComplete="off"
              value={marks}
              onChange={(event) => setMarks(event.target.value)}
            />
          )}
        </Field>
        {save.error ? <ProblemNote error={save.error} /> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={save.isPending} data-testid="budget-submit">
            {budget ? 'Save' : 'Set budget'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
