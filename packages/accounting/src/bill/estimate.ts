import type { Result } from '../base/error.js';
import { ok } from '../base/error.js';
import { HOUR_NS } from '../base/period.js';
import type { Ratio } from '../base/ratio.js';
import { ZERO, sumRatios } from '../base/ratio.js';
import type { PlanVersion, Price } from '../catalog/plan.js';
import { chargesIn } from '../catalog/plan.js';
import type { RatedPeriod } from '../rating/charge-line.js';
import { landingReservePico } from '../rating/landing-reserve.js';
import { rateTotals } from '../rating/rate.js';
import type { UsageTotal } from '../rating/total-usage.js';
import { hypotheticalTotal } from '../rating/total-usage.js';

/** What is to be created. */
export interface DomainConfig {
  readonly vcpus: bigint;
  /** Percent of one pcpu, as Xen's cap: 50 is half a pcpu; 0 means no cap. */
  readonly capPercent: bigint;
  /** Frames of 4 KiB. */
  readonly memoryFrames: bigint;
  /** Bytes of each volume. */
  readonly volumeBytes: readonly bigint[];
  /** Rate limits that bound other meters, units per second: bytes of network, disk operations. */
  readonly ratesPerSecond?: Readonly<Record<string, bigint>>;
}

export interface EstimateLine {
  readonly item: string;
  readonly description: string;
  readonly meter: string;
  readonly amountPico: bigint;
  readonly perQuantity: bigint;
  readonly includedQuantity: bigint;
  /** The most an hour can cost at list price; null for a meter that nothing bounds (paid by use). */
  readonly hourlyMaximumPico: Ratio | null;
  /** The most the month can cost after allowances and caps; null for a meter that nothing bounds. */
  readonly monthlyMaximumPico: Ratio | null;
}

export interface Estimate {
  readonly currency: string;
  readonly lines: readonly EstimateLine[];
  readonly hourlyMaximumPico: Ratio;
  readonly monthlyMaximumPico: Ratio;
  readonly landingReservePico: bigint;
}

export const ESTIMATE_MONTH_NS = 730n * HOUR_NS;

/** Prices a configuration running at full use, through the same rater as the bill (B4). Errors: as `rateTotals`. */
export function estimate(
  plan: PlanVersion,
  config: DomainConfig,
  monthNs = ESTIMATE_MONTH_NS,
): Result<Estimate> {
  const month = rateFullUse(plan, config, monthNs);
  if (!month.ok) return month;
  // An hour at list price: allowances and caps are a matter of the month.
  const list = { ...plan, caps: [], prices: plan.prices.map(listPrice) };
  const hour = rateFullUse(list, config, HOUR_NS);
  if (!hour.ok) return hour;
  const bounded = new Set(quantitiesAtFullUse(config, HOUR_NS).map((quantity) => quantity.meter));
  const diskBytes = config.volumeBytes.reduce((sum, bytes) => sum + bytes, 0n);
  const lines = plan.prices
    .filter((price) => chargesIn(price, 'running'))
    .map((price): EstimateLine => ({
      item: price.item,
      description: price.description,
      meter: price.meter,
      amountPico: price.model.amountPico,
      perQuantity: price.model.perQuantity,
      includedQuantity: price.model.includedQuantity,
      hourlyMaximumPico: bounded.has(price.meter) ? chargeOfItem(hour.value, price.item) : null,
      monthlyMaximumPico: bounded.has(price.meter) ? chargeOfItem(month.value, price.item) : null,
    }));
  return ok({
    currency: plan.currency,
    lines,
    hourlyMaximumPico: hour.value.totalPico,
    monthlyMaximumPico: month.value.totalPico,
    landingReservePico: landingReservePico(plan, { memoryFrames: config.memoryFrames, diskBytes }),
  });
}

/** Quantities a running domain of this size consumes in a span at full use, per meter and resource. */
export function quantitiesAtFullUse(
  config: DomainConfig,
  spanNs: bigint,
): readonly { readonly resource: string; readonly meter: string; readonly quantity: bigint }[] {
  const vcpuNs = config.vcpus * spanNs;
  const cappedNs = (config.capPercent * spanNs) / 100n;
  const cpuNs = config.capPercent > 0n && cappedNs < vcpuNs ? cappedNs : vcpuNs;
  const domain = [
    { resource: 'domain', meter: 'cpu.ns', quantity: cpuNs },
    { resource: 'domain', meter: 'memory.frame_ns', quantity: config.memoryFrames * spanNs },
    { resource: 'domain', meter: 'state.running.ns', quantity: spanNs },
  ];
  const volumes = config.volumeBytes.map((bytes, index) => ({
    resource: `volume-${index}`,
    meter: 'disk.space.byte_ns',
    quantity: bytes * spanNs,
  }));
  const limited = Object.entries(config.ratesPerSecond ?? {}).map(([meter, perSecond]) => ({
    resource: meter.startsWith('disk.') ? 'volume-0' : 'domain',
    meter,
    quantity: (perSecond * spanNs) / 1_000_000_000n,
  }));
  return [...domain, ...volumes, ...limited];
}

function rateFullUse(plan: PlanVersion, config: DomainConfig, spanNs: bigint): Result<RatedPeriod> {
  const used = quantitiesAtFullUse(config, spanNs);
  const planVersionId = plan.planVersionId;
  const totals: readonly UsageTotal[] = used.map(({ resource, meter, quantity }) =>
    hypotheticalTotal({ resourceId: resource, planVersionId, meter, state: 'running', quantity }),
  );
  const resources = [...new Set(used.map((each) => each.resource))];
  const assignments = resources.map((resourceId) => ({
    resourceId,
    capScopeId: 'domain',
    planVersionId,
    fromNs: 0n,
    toNs: null,
  }));
  const terms = {
    period: { fromNs: 0n, toNs: spanNs },
    currency: plan.currency,
    planVersions: [plan],
    assignments,
    fees: [],
  };
  return rateTotals(terms, { totals, undecided: [], unassigned: [] });
}

function listPrice(price: Price): Price {
  const { capGroup: _dropped, ...rest } = price;
  return { ...rest, model: { ...price.model, includedQuantity: 0n } };
}

function chargeOfItem(rated: RatedPeriod, item: string): Ratio {
  const charges = rated.lines.filter((line) => line.item === item).map((line) => line.chargePico);
  return charges.length === 0 ? ZERO : sumRatios(charges);
}
