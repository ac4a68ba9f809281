import { currencyExponent } from '../base/currency.js';
import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import { FieldReader } from '../base/field-reader.js';
import { formatInstant, parseInstant } from '../base/instant.js';
import { AMOUNT_PICO_MAX, QUANTITY_MAX } from '../base/money.js';
import { DAY_NS } from '../base/period.js';
import type { MeterName } from './meter.js';
import { METER_NAMES, meterDefinition } from './meter.js';
import type { LandingTerms, MonthlyCap, PlanSize, PlanVersion, Price, PriceModel } from './plan.js';
import type { PowerState } from './power-state.js';
import { POWER_STATES } from './power-state.js';

/** Limits of one plan version; far above any real plan, low enough that rating stays quick and columns never overflow. */
export const PLAN_LIMITS = {
  pricesMax: 64,
  capsMax: 16,
  nameLengthMax: 80,
  descriptionLengthMax: 200,
  /** A single price or cap: 10^18 currency units. */
  amountPicoMax: 10n ** 30n,
  vcpusMax: 128n,
  memoryFramesMax: 2n ** 32n,
  diskBytesMax: 2n ** 50n,
  retentionNsMax: 400n * DAY_NS,
} as const;

const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const SLUG = /^[a-z][a-z0-9_.-]{0,63}$/;

/** The JSON of a plan version: snake_case, every integer a decimal string, instants RFC 3339. */
export type PlanVersionJson = ReturnType<typeof encodePlanVersion>;

export function encodePlanVersion(plan: PlanVersion) {
  return {
    plan_version_id: plan.planVersionId,
    plan_id: plan.planId,
    version: plan.version.toString(),
    name: plan.name,
    description: plan.description,
    currency: plan.currency,
    valid_from: formatInstant(plan.validFromNs),
    size: {
      vcpus: plan.size.vcpus.toString(),
      memory_frames: plan.size.memoryFrames.toString(),
      disk_bytes: plan.size.diskBytes.toString(),
    },
    landing: {
      paused_ns: plan.landing.pausedNs.toString(),
      retention_ns: plan.landing.retentionNs.toString(),
    },
    prices: plan.prices.map((price) => ({
      item: price.item,
      description: price.description,
      meter: price.meter,
      states: price.states === 'any' ? ('any' as const) : [...price.states],
      model: {
        kind: price.model.kind,
        amount_pico: price.model.amountPico.toString(),
        per_quantity: price.model.perQuantity.toString(),
        included_quantity: price.model.includedQuantity.toString(),
      },
      ...(price.capGroup === undefined ? {} : { cap_group: price.capGroup }),
      tax_group: price.taxGroup,
    })),
    caps: plan.caps.map((cap) => ({ group: cap.group, monthly_cap_pico: cap.monthlyCapPico.toString() })),
  };
}

/** Reads a plan version from hostile JSON. Errors: plan_invalid with every bad field named. */
export function decodePlanVersion(input: unknown): Result<PlanVersion> {
  const reader = new FieldReader();
  const plan = readPlan(reader, input);
  if (plan !== undefined) checkWhole(reader, plan);
  if (plan === undefined || reader.issues.length > 0) {
    return fail('plan_invalid', `the plan has ${reader.issues.length} bad field(s)`, {}, reader.issues);
  }
  return ok(plan);
}

function readPlan(reader: FieldReader, input: unknown): PlanVersion | undefined {
  const known =
    'plan_version_id plan_id version name description currency valid_from size landing prices caps'.split(
      ' ',
    );
  const json = reader.object(input, '', known);
  if (json === undefined) return undefined;
  const found = {
    planVersionId: reader.text(json['plan_version_id'], '/plan_version_id', 64, ID),
    planId: reader.text(json['plan_id'], '/plan_id', 64, ID),
    version: reader.integer(json['version'], '/version', 1n, 10n ** 9n),
    name: reader.text(json['name'], '/name', PLAN_LIMITS.nameLengthMax),
    description: reader.text(json['description'], '/description', PLAN_LIMITS.descriptionLengthMax),
    currency: readCurrency(reader, json['currency']),
    validFromNs: readInstant(reader, json['valid_from'], '/valid_from'),
    size: readSize(reader, json['size']),
    landing: readLanding(reader, json['landing']),
    prices: readList(reader, json['prices'], '/prices', PLAN_LIMITS.pricesMax, readPrice),
    caps: readList(reader, json['caps'], '/caps', PLAN_LIMITS.capsMax, readCap),
  };
  return complete(found);
}

function readSize(reader: FieldReader, value: unknown): PlanSize | undefined {
  const json = reader.object(value, '/size', ['vcpus', 'memory_frames', 'disk_bytes']);
  if (json === undefined) return undefined;
  return complete({
    vcpus: reader.integer(json['vcpus'], '/size/vcpus', 1n, PLAN_LIMITS.vcpusMax),
    memoryFrames: reader.integer(
      json['memory_frames'],
      '/size/memory_frames',
      1n,
      PLAN_LIMITS.memoryFramesMax,
    ),
    diskBytes: reader.integer(json['disk_bytes'], '/size/disk_bytes', 0n, PLAN_LIMITS.diskBytesMax),
  });
}

function readLanding(reader: FieldReader, value: unknown): LandingTerms | undefined {
  const json = reader.object(value, '/landing', ['paused_ns', 'retention_ns']);
  if (json === undefined) return undefined;
  return complete({
    pausedNs: reader.integer(json['paused_ns'], '/landing/paused_ns', 0n, DAY_NS),
    retentionNs: reader.integer(
      json['retention_ns'],
      '/landing/retention_ns',
      0n,
      PLAN_LIMITS.retentionNsMax,
    ),
  });
}

function readPrice(reader: FieldReader, value: unknown, pointer: string): Price | undefined {
  const json = reader.object(value, pointer, [
    'item',
    'description',
    'meter',
    'states',
    'model',
    'cap_group',
    'tax_group',
  ]);
  if (json === undefined) return undefined;
  const capGroup =
    json['cap_group'] === undefined
      ? undefined
      : reader.text(json['cap_group'], `${pointer}/cap_group`, 64, SLUG);
  const price = complete({
    item: reader.text(json['item'], `${pointer}/item`, 64, SLUG),
    description: reader.text(json['description'], `${pointer}/description`, PLAN_LIMITS.descriptionLengthMax),
    meter: reader.choice<MeterName>(json['meter'], `${pointer}/meter`, METER_NAMES),
    states: readStates(reader, json['states'], `${pointer}/states`),
    model: readModel(reader, json['model'], `${pointer}/model`),
    taxGroup: reader.text(json['tax_group'], `${pointer}/tax_group`, 64, SLUG),
  });
  return price === undefined || capGroup === undefined ? price : { ...price, capGroup };
}

function readStates(reader: FieldReader, value: unknown, pointer: string): Price['states'] | undefined {
  if (value === 'any') return 'any';
  const list = reader.array(value, pointer, 1, POWER_STATES.length);
  const states = list?.map((each, index) =>
    reader.choice<PowerState>(each, `${pointer}/${index}`, POWER_STATES),
  );
  if (states === undefined || !states.every((state) => state !== undefined)) return undefined;
  if (new Set(states).size !== states.length)
    return reader.refuse(pointer, 'duplicate', 'names a state twice');
  return states;
}

function readModel(reader: FieldReader, value: unknown, pointer: string): PriceModel | undefined {
  const json = reader.object(value, pointer, ['kind', 'amount_pico', 'per_quantity', 'included_quantity']);
  if (json === undefined) return undefined;
  const { amountPicoMax } = PLAN_LIMITS;
  return complete({
    kind: reader.choice(json['kind'], `${pointer}/kind`, ['unit'] as const),
    amountPico: reader.integer(json['amount_pico'], `${pointer}/amount_pico`, 0n, amountPicoMax),
    perQuantity: reader.integer(json['per_quantity'], `${pointer}/per_quantity`, 1n, AMOUNT_PICO_MAX),
    includedQuantity: reader.integer(
      json['included_quantity'],
      `${pointer}/included_quantity`,
      0n,
      QUANTITY_MAX,
    ),
  });
}

function readCap(reader: FieldReader, value: unknown, pointer: string): MonthlyCap | undefined {
  const json = reader.object(value, pointer, ['group', 'monthly_cap_pico']);
  if (json === undefined) return undefined;
  const cap = `${pointer}/monthly_cap_pico`;
  return complete({
    group: reader.text(json['group'], `${pointer}/group`, 64, SLUG),
    monthlyCapPico: reader.integer(json['monthly_cap_pico'], cap, 0n, PLAN_LIMITS.amountPicoMax),
  });
}

function readCurrency(reader: FieldReader, value: unknown): string | undefined {
  if (typeof value === 'string' && currencyExponent(value) !== undefined) return value;
  return reader.refuse(
    '/currency',
    'unknown_currency',
    'is not an ISO 4217 code of the pinned table',
    'ISO 4217',
    value,
  );
}

function readInstant(reader: FieldReader, value: unknown, pointer: string): bigint | undefined {
  const instant = typeof value === 'string' ? parseInstant(value) : undefined;
  return (
    instant ?? reader.refuse(pointer, 'not_an_instant', 'must be RFC 3339 in UTC with Z', undefined, value)
  );
}

function readList<T>(
  reader: FieldReader,
  value: unknown,
  pointer: string,
  countMax: number,
  read: (reader: FieldReader, value: unknown, pointer: string) => T | undefined,
): readonly T[] | undefined {
  const list = reader.array(value, pointer, 0, countMax);
  const found = list?.map((each, index) => read(reader, each, `${pointer}/${index}`));
  return found?.every((each) => each !== undefined) === true ? (found as T[]) : undefined;
}

/** Rules that need the whole plan: unique names, caps that exist, states in which the meter can be charged at all. */
function checkWhole(reader: FieldReader, plan: PlanVersion): void {
  const items = new Set<string>();
  const groups = new Set<string>();
  plan.caps.forEach((cap, index) => {
    if (groups.has(cap.group))
      reader.refuse(`/caps/${index}/group`, 'duplicate', 'is used twice', undefined, cap.group);
    groups.add(cap.group);
  });
  plan.prices.forEach((price, index) => {
    const pointer = `/prices/${index}`;
    if (items.has(price.item))
      reader.refuse(`${pointer}/item`, 'duplicate', 'is used twice', undefined, price.item);
    items.add(price.item);
    if (price.capGroup !== undefined && !groups.has(price.capGroup)) {
      const limit = [...groups].join(', ');
      reader.refuse(`${pointer}/cap_group`, 'unknown_cap_group', 'is not among /caps', limit, price.capGroup);
    }
    const chargedIn = meterDefinition(price.meter)?.chargedIn ?? [];
    const idle = price.states === 'any' ? [] : price.states.filter((state) => !chargedIn.includes(state));
    for (const state of idle) {
      const detail = `${price.meter} is never charged in this state`;
      reader.refuse(`${pointer}/states`, 'state_not_charged', detail, chargedIn.join(', '), state);
    }
  });
}

/** The object itself when every field was read, otherwise undefined (the reader holds the reasons). */
function complete<T extends object>(found: T): { [K in keyof T]-?: Exclude<T[K], undefined> } | undefined {
  const whole = Object.values(found).every((value) => value !== undefined);
  return whole ? (found as { [K in keyof T]-?: Exclude<T[K], undefined> }) : undefined;
}
