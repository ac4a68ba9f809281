import type { Plan } from '../../api/contract';
import { ChoiceCard } from '../../ui/form/field';
import { formatMoney } from '../../ui/format/money';
import { formatMib } from '../../ui/format/quantity';
import { Rate } from '../../ui/money';

interface PlanChoiceProps {
  readonly plans: readonly Plan[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
}

export function PlanChoice({ plans, chosen, onChoose }: PlanChoiceProps) {
  return (
    <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
      {plans.map((plan) => (
        <ChoiceCard
          key={plan.id}
          name="plan"
          value={plan.id}
          checked={plan.id === chosen}
          onChange={() => onChoose(plan.id)}
          aria-label={plan.name}
          testId={`plan-${plan.name.toLowerCase().replaceAll(' ', '-')}`}
        >
          <span className="flex items-baseline justify-between gap-2">
            <span className="text-[15px] font-semibold">{plan.name}</span>
            <span className="figures text-right">
              <Rate value={plan.rate_running} className="font-semibold" />
            </span>
          </span>
          <span className="text-ink-soft mt-0.5 block text-sm">{plan.description}</span>
          <span className="figures mt-3 block font-medium">
            {plan.size.vcpus} vCPU{plan.size.cap > 0 ? ` · cap ${plan.size.cap}%` : ''} ·{' '}
            {formatMib(plan.size.memory_mib)} · {formatMib(plan.size.disk_mib)} disk
          </span>
          <span className="figures text-ink-soft mt-1 block text-sm">
            at most <Rate value={plan.rate_max} />
            {plan.monthly_cap ? ` · never over ${formatMoney(plan.monthly_cap)} a month` : ''}
          </span>
        </ChoiceCard>
      ))}
    </div>
  );
}
