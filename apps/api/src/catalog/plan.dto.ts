import {
  metersByPowerState,
  METER_VECTORS,
  slopePico,
  ceilRatio,
  multiplyRatio,
  ratio,
  sumRatios,
  type PlanVersion,
  type PowerState,
} from '@xenorack/accounting';
import { z } from 'zod';
import { moneySchema, picoWire } from './money.dto.js';
import type { PlanRow } from './plan.store.js';
import { perText, quantityText } from './quantity-text.js';

const HOUR_NS = 3_600_000_000_000n;
const FRAMES_PER_MIB = 256n;
const MIB = 1n << 20n;

/** Xen's default weight; every plan gives the same one, so shares follow vCPUs. */
export const PLAN_WEIGHT = 256;

export const priceSchema = z
  .object({
    item: z.string(),
    description: z.string(),
    meter: z.string(),
    unit: z.string(),
    states: z
      .array(z.string())
      .nullable()
      .describe('Power states it applies in; null: every state the meter runs in.'),
    amount: moneySchema,
    per_quantity: z.string().describe('Base units the amount is for.'),
    per_text: z.string(),
    included: z.string().describe('Free per resource and month, in base units.'),
    included_text: z.string().nullable(),
    capped: z.boolean().describe('Counts towards the monthly cap.'),
  })
  .meta({ id: 'Price' });

export const planSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    version_id: z.string(),
    currency: z.string(),
    size: z.object({
      vcpus: z.number().int(),
      weight: z.number().int(),
      cap: z.number().int(),
      memory_mib: z.number().int(),
      disk_mib: z.number().int(),
    }),
    prices: z.array(priceSchema),
    monthly_cap: moneySchema.nullable(),
    rate_running: moneySchema.describe('Per hour, running and idle.'),
    rate_paused: moneySchema.describe('Per hour, paused.'),
    rate_max: moneySchema.describe('Per hour with every vCPU busy; network and disk requests apart.'),
  })
  .meta({ id: 'Plan' });

export const planListSchema = z.object({
  data: z.array(planSchema),
  power_states: z
    .array(z.object({ state: z.string(), meters: z.array(z.string()) }))
    .describe('Which meters run in which power state.'),
});

export interface PlanSizeNumbers {
  vcpus: number;
  cap: number;
  memoryFrames: number;
  memoryMib: number;
  diskMib: number;
}

export function sizeOf({ size }: PlanVersion): PlanSizeNumbers {
  return {
    vcpus: Number(size.vcpus),
    cap: Number(size.vcpus) * 100,
    memoryFrames: Number(size.memoryFrames),
    memoryMib: Number(size.memoryFrames / FRAMES_PER_MIB),
    diskMib: Number(size.diskBytes / MIB),
  };
}

/** Price of an hour in a state at list price, rounded up to a pico; `busy` adds every vCPU at full use. */
export function hourlyPico(plan: PlanVersion, state: PowerState, diskBytes: bigint, busy: boolean): bigint {
  const { vcpus, memoryFrames } = plan.size;
  const quantities: [string, bigint][] = [
    [state === 'paused' ? 'state.paused.ns' : 'state.running.ns', HOUR_NS],
    ['memory.frame_ns', memoryFrames * HOUR_NS],
    ['disk.space.byte_ns', diskBytes * HOUR_NS],
    ['cpu.ns', busy ? vcpus * HOUR_NS : 0n],
  ];
  return ceilRatio(
    sumRatios(
      quantities.map(([meter, quantity]) => multiplyRatio(slopePico(plan, meter, state), ratio(quantity))),
    ),
  );
}

export function planWire({ id, name, description, version }: PlanRow): z.infer<typeof planSchema> {
  const size = sizeOf(version);
  const { currency } = version;
  const units = new Map(
    Object.values(METER_VECTORS).flatMap((v) => v.meters.map((m) => [m.name as string, m.unit])),
  );
  const hour = (state: PowerState, busy: boolean) =>
    picoWire(hourlyPico(version, state, version.size.diskBytes, busy), currency);
  return {
    id,
    name,
    description,
    version_id: version.planVersionId,
    currency,
    size: {
      vcpus: size.vcpus,
      weight: PLAN_WEIGHT,
      cap: size.cap,
      memory_mib: size.memoryMib,
      disk_mib: size.diskMib,
    },
    prices: version.prices.map((price) => {
      const unit = units.get(price.meter)!;
      const { amountPico, perQuantity, includedQuantity } = price.model;
      return {
        item: price.item,
        description: price.description,
        meter: price.meter,
        unit,
        states: price.states === 'any' ? null : [...price.states],
        amount: picoWire(amountPico, currency),
        per_quantity: perQuantity.toString(),
        per_text: perText(perQuantity, unit),
        included: includedQuantity.toString(),
        included_text: includedQuantity === 0n ? null : quantityText(includedQuantity, unit),
        capped: price.capGroup !== undefined,
      };
    }),
    monthly_cap: version.caps[0] ? picoWire(version.caps[0].monthlyCapPico, currency) : null,
    rate_running: hour('running', false),
    rate_paused: hour('paused', false),
    rate_max: hour('running', true),
  };
}

export function powerStatesWire() {
  return Object.entries(metersByPowerState()).map(([state, meters]) => ({ state, meters: [...meters] }));
}
