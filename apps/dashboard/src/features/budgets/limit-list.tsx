'use client';
import { useLimits } from '../../api/billing';
import { Answered } from '../../ui/answered';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { LimitMeter } from '../../ui/limit-meter';
import { Skeleton } from '../../ui/skeleton';

/** Ceilings on what may be held at once: used, reserved by what is being built, and left. */
export function LimitList() {
  const query = useLimits();
  return (
    <Card>
      <CardHeader title="Limits" note="What you may hold at once; the operator raises them" />
      <CardBody>
        <Answered query={query} what="Limits" skeleton={<LimitSkeleton />}>
          {({ data }) => (
            <ul className="divide-line divide-y [&>li]:py-4 [&>li:first-child]:pt-1 [&>li:last-child]:pb-0">
              {data.map((limit) => (
                <li key={limit.name}>
                  <LimitMeter {...limit} />
                </li>
              ))}
            </ul>
          )}
        </Answered>
      </CardBody>
    </Card>
  );
}

function LimitSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="space-y-6">
      {[0, 1, 2, 3].map((one) => (
        <Skeleton key={one} className="h-12" />
      ))}
    </div>
  );
}
