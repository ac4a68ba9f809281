import { Controller, Get } from '@nestjs/common';
import {
  ceilRatio,
  forecastPico,
  hypotheticalTotal,
  METER_VECTORS,
  type UsageLine,
} from '@xenorack/accounting';
import type { z } from 'zod';
import { instantWire } from '../catalog/instant.dto.js';
import { minorWire, picoWire } from '../catalog/money.dto.js';
import { perText, quantityText } from '../catalog/quantity-text.js';
import { CurrentActor, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { Route } from '../platform/route.js';
import { billSchema, type billLineSchema } from './bill.dto.js';
import { LiveBill } from './live-bill.js';
import type { LiveTenant } from './live-tenant.js';
import { must } from './rate-tenant.js';
import { ResourceNamesStore, type ResourceName } from './resource-names.store.js';

const SECOND_NS = 1_000_000_000n;

@Controller('billing')
export class BillController {
  constructor(
    private readonly liveBill: LiveBill,
    private readonly names: ResourceNamesStore,
  ) {}

  @Get('current-period')
  @Roles()
  @Route({
    summary: 'The bill of the running period, line by line',
    operationId: 'getCurrentBill',
    tag: 'Billing',
    responses: { 200: billSchema },
  })
  async current(@CurrentActor() actor: Actor): Promise<z.infer<typeof billSchema>> {
    const tenantId = tenantOf(actor);
    const live = await this.liveBill.current(tenantId);
    const names = await this.names.of(tenantId);
    const { rated } = live;
    const { bill, month, tenant, usage } = rated;
    const { currency } = bill;
    return {
      period: {
        start: instantWire(month.period.fromNs),
        end: instantWire(month.period.toNs),
        time_zone: tenant.timeZone,
      },
      currency,
      accrued: picoWire(bill.accruedPico, currency),
      net: minorWire(bill.payable.netMinor, currency),
      tax: minorWire(bill.payable.taxMinor, currency),
      payable: minorWire(bill.payable.totalMinor, currency),
      rate_per_hour: picoWire(live.ratePerHourPico, currency),
      forecast: picoWire(forecastOf(live), currency),
      metered_to: usage.meteredToNs === null ? null : instantWire(usage.meteredToNs),
      provisional: bill.provisional,
      lines: bill.lines.flatMap(({ line, accruedPico, payableMinor }) =>
        line.kind === 'usage' ? [lineWire(live, line, accruedPico, payableMinor, names)] : [],
      ),
    };
  }
}

/** The bill at the end of the period if the present trend goes on, through the same rater. */
function forecastOf({ rated, deltas }: LiveTenant): bigint {
  const assigned = new Map(
    rated.terms.assignments.filter((a) => a.toNs === null).map((a) => [a.resourceId, a]),
  );
  const usage = rated.usage.incarnations.flatMap((incarnation) => {
    const delta = deltas.get(incarnation.id);
    const planVersionId = assigned.get(incarnation.resourceId)?.planVersionId;
    if (!delta || planVersionId === undefined || incarnation.closedUtcNs !== null) return [];
    const state = incarnation.resourceKind === 'volume' ? 'running' : incarnation.head.state;
    return METER_VECTORS[`${incarnation.resourceKind}.v1`].meters.map((meter, at) =>
      hypotheticalTotal({
        resourceId: incarnation.resourceId,
        planVersionId,
        meter: meter.name,
        state,
        quantity: ((delta.values[at] ?? 0n) * SECOND_NS) / delta.elapsedNs,
      }),
    );
  });
  return ceilRatio(
    must(forecastPico(rated.terms, rated.totals, { usage, elapsedNs: SECOND_NS }, rated.nowNs)),
  );
}

function lineWire(
  { rated }: LiveTenant,
  line: UsageLine,
  accruedPico: bigint,
  payableMinor: bigint,
  names: ReadonlyMap<string, ResourceName>,
): z.infer<typeof billLineSchema> {
  const { currency } = rated.bill;
  const plan = rated.terms.planVersions.find((each) => each.planVersionId === line.planVersionId);
  const known = names.get(line.resourceId);
  return {
    id: line.lineId,
    resource: { type: known?.type ?? 'tenant', id: line.resourceId, name: known?.name ?? line.resourceId },
    item: line.item,
    description: line.description,
    plan: plan?.name ?? line.planVersionId,
    quantity: line.quantity.toString(),
    unit: line.unit,
    quantity_text: quantityText(line.quantity, line.unit),
    included: line.includedQuantity.toString(),
    billable: line.billableQuantity.toString(),
    price: { amount: picoWire(line.amountPico, currency), per_text: perText(line.perQuantity, line.unit) },
    exact: picoWire(accruedPico, currency),
    capped_by: line.cap?.reached ? picoWire(line.cap.capPico, currency) : null,
    payable: minorWire(payableMinor, currency),
  };
}
