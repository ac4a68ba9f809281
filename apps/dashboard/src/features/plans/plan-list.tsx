'use client';
import { Tags } from 'lucide-react';
import { useOperatorPlans } from '../../api/operator';
import type { Plan } from '../../api/contract';
import { Answered } from '../../ui/answered';
import { Card, CardBody, CardHeader, Fact, Facts } from '../../ui/card';
import { EmptyState } from '../../ui/empty-state';
import { formatMib } from '../../ui/format/quantity';
import { Money, Rate } from '../../ui/money';
import { PriceList } from '../../ui/price-list';
import { Skeleton } from '../../ui/skeleton';

/** What is sold: sizes and prices as published. */
export function PlanList() {
  const query = useOperatorPlans();
  return (
    <Answered query={query} what="Plans" skeleton={<Skeleton className="h-80 rounded-xl" />}>
      {({ data }) =>
        data.length === 0 ? (
          <Card>
            <EmptyState icon={<Tags />} title="No plans">
              Without a published plan nothing can be created.
            </EmptyState>
          </Card>
        ) : (
          <div className="grid grid-cols-1 items-start gap-6 xl:grid-cols-2">
            {data.map((plan) => (
              <PlanCard key={plan.id} plan={plan} />
            ))}
          </div>
        )
      }
    </Answered>
  );
}

function PlanCard({ plan }: { plan: Plan }) {
  return (
    <Card>
      <CardHeader title={plan.name} note={plan.description} aside={<Rate value={plan.rate_running} />} />
      <CardBody>
        <Facts>
          <Fact name="Size">
            {plan.size.vcpus} vCPU · {formatMib(plan.size.memory_mib)} · {formatMib(plan.size.disk_mib)} disk
          </Fact>
          <Fact name="Weight and cap">
            {plan.size.weight} · {plan.size.cap > 0 ? `${plan.size.cap}%` : 'no cap'}
          </Fact>
          <Fact name="Paused / at full CPU">
            <Rate value={plan.rate_paused} /> / <Rate value={plan.rate_max} />
          </Fact>
          <Fact name="Monthly cap">{plan.monthly_cap ? <Money value={plan.monthly_cap} /> : 'none'}</Fact>
          <Fact name="Version">
            <span className="font-mono text-[12.5px] break-all">{plan.version_id}</span>
          </Fact>
        </Facts>
        <h3 className="mt-4 mb-1 font-semibold">Prices</h3>
        <PriceList prices={plan.prices} />
      </CardBody>
    </Card>
  );
}
