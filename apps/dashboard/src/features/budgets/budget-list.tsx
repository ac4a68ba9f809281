'use client';
import { Gauge, Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { useBudgets, useDeleteBudget } from '../../api/billing';
import type { Budget } from '../../api/contract';
import { useTenantZone } from '../../api/session';
import { Answered } from '../../ui/answered';
import { Badge, type Tone } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHeader } from '../../ui/card';
import { MeterBar, toneOf } from '../../ui/chart/meter-bar';
import { EmptyState } from '../../ui/empty-state';
import { percentOf } from '../../ui/format/decimal';
import { formatMoney } from '../../ui/format/money';
import { formatClock, formatDate, timeToLimit } from '../../ui/format/time';
import { Money } from '../../ui/money';
import { ConfirmDialog } from '../../ui/overlay/dialog';
import { ProblemNote } from '../../ui/problem-note';
import { Skeleton } from '../../ui/skeleton';
import { BudgetDialog } from './budget-dialog';
import { policyWords } from './policy';

type Editing = { readonly budget: Budget | null } | null;

/** Ceilings on money, what is left of each, and when each is reached. */
export function BudgetList() {
  const query = useBudgets();
  const [editing, setEditing] = useState<Editing>(null);
  const [deleting, setDeleting] = useState<Budget | null>(null);
  return (
    <Card>
      <CardHeader
        title="Budgets"
        note="A ceiling on money in the period, kept by the hosts themselves"
        aside={
          <Button data-testid="new-budget" onClick={() => setEditing({ budget: null })}>
            <Plus aria-hidden /> New budget
          </Button>
        }
      />
      <Answered
        query={query}
        what="Budgets"
        skeleton={
          <div className="px-5 pb-5">
            <Skeleton className="h-32 rounded-xl" />
          </div>
        }
      >
        {(page) =>
          page.data.length === 0 ? (
            <EmptyState icon={<Gauge />} title="No budget set">
              With a budget a domain stops in the very moment the money is gone, and not a day later.
            </EmptyState>
          ) : (
            <ul className="divide-line border-line divide-y border-t">
              {page.data.map((budget) => (
                <BudgetItem
                  key={budget.id}
                  budget={budget}
                  onEdit={() => setEditing({ budget })}
                  onDelete={() => setDeleting(budget)}
                />
              ))}
            </ul>
          )
        }
      </Answered>
      {editing ? <BudgetDialog budget={editing.budget} onClose={() => setEditing(null)} /> : null}
      {deleting ? <DeleteBudget budget={deleting} onClose={() => setDeleting(null)} /> : null}
    </Card>
  );
}

const states: Record<Budget['state'], { word: string; tone: Tone }> = {
  ok: { word: 'Within', tone: 'good' },
  warned: { word: 'Warned', tone: 'warn' },
  exhausted: { word: 'Used up', tone: 'bad' },
};

interface BudgetItemProps {
  readonly budget: Budget;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

function BudgetItem({ budget, onEdit, onDelete }: BudgetItemProps) {
  const zone = useTenantZone();
  const percent = Number(budget.percent);
  const { word, tone } = states[budget.state];
  const reserve = percentOf(budget.landing_reserve.amount, budget.amount.amount);
  return (
    <li className="px-5 py-4" data-testid="budget" data-state={budget.state}>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <div className="flex min-w-0 flex-wrap items-center gap-2">
          <h3 className="font-semibold break-words">{budget.name}</h3>
          <Badge tone={tone}>{word}</Badge>
          <Badge tone="outline">{policyWords[budget.policy].name}</Badge>
        </div>
        <div className="flex gap-1">
          <Button
            size="small"
            onClick={onEdit}
            aria-label={`Raise or change ${budget.name}`}
            data-testid="edit-budget"
          >
            <Pencil aria-hidden className="!size-3.5" /> Raise or change
          </Button>
          <Button variant="ghost" size="icon-small" onClick={onDelete} aria-label={`Delete ${budget.name}`}>
            <Trash2 aria-hidden />
          </Button>
        </div>
      </div>
      <div className="mb-1.5 flex items-baseline justify-between gap-3">
        <span>
          <Money
            value={budget.spent}
            decimals={4}
            className="text-[26px] leading-8 font-semibold tracking-[-0.02em]"
          />
          <span className="text-ink-soft"> of {formatMoney(budget.amount)}</span>
        </span>
        <span className="figures text-ink-soft text-sm">{budget.percent}%</span>
      </div>
      <MeterBar
        label={`${budget.name}: spent`}
        usedPercent={percent}
        reservedPercent={reserve}
        tone={toneOf(percent)}
        marks={budget.thresholds_percent.filter((mark) => mark < 100)}
      />
      <div className="figures text-ink-soft mt-2 flex flex-wrap justify-between gap-x-6 gap-y-1 text-sm">
        <span>
          {formatMoney(budget.remaining, 4)} left · {timeToLimit(budget.seconds_to_limit)}
        </span>
        <span title="Keeps memory and disk alive after the money is gone">
          {formatMoney(budget.landing_reserve, 4)} landing reserve
        </span>
        <span>until {formatDate(budget.period.end, zone)}</span>
      </div>
      <Leases leases={budget.leases} />
    </li>
  );
}

function Leases({ leases }: { leases: Budget['leases'] }) {
  if (leases.length === 0) return null;
  return (
    <details className="mt-3 text-sm">
      <summary className="text-ink-soft cursor-pointer">
        Handed out to {leases.length === 1 ? 'one host' : `${leases.length} hosts`}
      </summary>
      <ul className="mt-2 space-y-1">
        {leases.map((lease) => (
          <li key={lease.host_location + lease.expires_at} className="figures flex flex-wrap gap-x-4">
            <span className="font-medium">{lease.host_location}</span>
            <span>
              {formatMoney(lease.drawn, 6)} of {formatMoney(lease.authorised, 6)} drawn
            </span>
            <span className="text-ink-soft">valid until {formatClock(lease.expires_at)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function DeleteBudget({ budget, onClose }: { budget: Budget; onClose: () => void }) {
  const remove = useDeleteBudget();
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={`Delete ${budget.name}?`}
      consequence="Nothing will stop your domains at this amount any more."
      money={`${formatMoney(budget.spent, 4)} of ${formatMoney(budget.amount)} are spent. Without the budget spending is bounded by the plans’ monthly caps only.`}
      confirm="Delete budget"
      danger
      busy={remove.isPending}
      onConfirm={() =>
        remove.mutate(budget.id, {
          onSuccess: () => {
            toast(`Deleted ${budget.name}`);
            onClose();
          },
        })
      }
    >
      {remove.error ? <ProblemNote error={remove.error} /> : null}
    </ConfirmDialog>
  );
}
