import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { METER_VECTORS, meterVector, metersByPowerState } from './meter.js';
import { decodePlanVersion, encodePlanVersion } from './plan-codec.js';
import { testPlan, testPrice } from './plan.fixture.js';

const plan = testPlan(
  'plan-small-1',
  [
    testPrice('cpu.ns', 6_000_000_000n, 3_600_000_000_000n, {
      includedQuantity: 10n ** 13n,
      capGroup: 'compute',
    }),
    testPrice('memory.frame_ns', 1n, 7n, { item: 'memory', states: ['running', 'paused'] }),
  ],
  [{ group: 'compute', monthlyCapPico: 10n ** 13n }],
);
type Json = Record<string, unknown>;
const json = () => JSON.parse(JSON.stringify(encodePlanVersion(plan))) as Json;
const price = (of: Json, index = 0) => (of['prices'] as Json[])[index] as Json;

function issuesOf(input: unknown): string[] {
  const decoded = decodePlanVersion(input);
  return decoded.ok ? [] : decoded.error.issues.map((issue) => `${issue.pointer} ${issue.code}`);
}

describe('plan versions on the wire', () => {
  test('B1: a plan version survives its JSON, in which every integer is text', () => {
    const decoded = decodePlanVersion(json());
    expect(decoded.ok && decoded.value).toEqual(plan);
    expect(JSON.stringify(json())).not.toMatch(/":\d/);
  });

  const bad: readonly [string, (of: Json) => void, string][] = [
    [
      'a JSON number for money',
      (of) => ((price(of)['model'] as Json)['amount_pico'] = 5),
      '/prices/0/model/amount_pico not_an_integer',
    ],
    [
      'a negative price',
      (of) => ((price(of)['model'] as Json)['amount_pico'] = '-1'),
      '/prices/0/model/amount_pico out_of_range',
    ],
    [
      'a price per nothing',
      (of) => ((price(of)['model'] as Json)['per_quantity'] = '0'),
      '/prices/0/model/per_quantity out_of_range',
    ],
    [
      'an absurd price',
      (of) => ((price(of)['model'] as Json)['amount_pico'] = '9'.repeat(39)),
      '/prices/0/model/amount_pico out_of_range',
    ],
    [
      'an unknown model',
      (of) => ((price(of)['model'] as Json)['kind'] = 'magic'),
      '/prices/0/model/kind not_a_choice',
    ],
    ['an unknown meter', (of) => (price(of)['meter'] = 'gpu.ns'), '/prices/0/meter not_a_choice'],
    ['an unknown state', (of) => (price(of)['states'] = ['asleep']), '/prices/0/states/0 not_a_choice'],
    ['a state twice', (of) => (price(of)['states'] = ['running', 'running']), '/prices/0/states duplicate'],
    [
      'a state in which the meter is never charged',
      (of) => (price(of)['states'] = ['halted']),
      '/prices/0/states state_not_charged',
    ],
    ['an item twice', (of) => (price(of, 1)['item'] = 'cpu.ns'), '/prices/1/item duplicate'],
    ['a cap group that has no cap', (of) => (of['caps'] = []), '/prices/0/cap_group unknown_cap_group'],
    ['a currency that is none', (of) => (of['currency'] = 'EURO'), '/currency unknown_currency'],
    ['a local time', (of) => (of['valid_from'] = '2026-01-01'), '/valid_from not_an_instant'],
    ['a control character', (of) => (of['name'] = 'a\nb'), '/name control_character'],
    ['an endless name', (of) => (of['name'] = 'x'.repeat(81)), '/name bad_length'],
    ['an unknown field', (of) => (of['discount'] = '1'), '/discount unknown_field'],
    ['no prices list', (of) => (of['prices'] = {}), '/prices not_an_array'],
    ['too many prices', (of) => (of['prices'] = Array(65).fill(price(of))), '/prices bad_length'],
    ['no size', (of) => delete of['size'], '/size not_an_object'],
  ];

  test.each(bad)('B1: %s is refused by name', (_, spoil, issue) => {
    const spoilt = json();
    spoil(spoilt);
    expect(issuesOf(spoilt)).toEqual([issue]);
  });

  test('B1: every bad field is named at once, with its limit and value', () => {
    const spoilt = { ...json(), version: '0', name: '', currency: 'XXX' };
    expect(issuesOf(spoilt)).toEqual([
      '/version out_of_range',
      '/name bad_length',
      '/currency unknown_currency',
    ]);
    const decoded = decodePlanVersion(spoilt);
    expect(decoded.ok ? null : decoded.error.issues[0]).toMatchObject({ limit: '1..1000000000', value: '0' });
  });

  test('B1: no JSON at all makes the reader throw or accept by accident (seed 14)', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decodePlanVersion(value).ok).toBe(false);
      }),
      { seed: 14 },
    );
    for (const value of [undefined, null, 5n, Symbol('x'), () => 1, []])
      expect(decodePlanVersion(value).ok).toBe(false);
  });
});

describe('meters', () => {
  test('A2: the vectors are closed and in their fixed order', () => {
    expect(METER_VECTORS['domain.v1'].meters.map((meter) => meter.name)).toEqual([
      'cpu.ns',
      'cpu.onbehalf.ns',
      'memory.frame_ns',
      'net.public.rx.bytes',
      'net.public.tx.bytes',
      'net.internal.rx.bytes',
      'net.internal.tx.bytes',
      'net.rx.packets',
      'net.tx.packets',
      'state.running.ns',
      'state.paused.ns',
      'runstate.running.ns',
      'runstate.runnable.ns',
      'runstate.blocked.ns',
      'runstate.offline.ns',
    ]);
    expect(METER_VECTORS['volume.v1'].meters.map((meter) => meter.name)).toEqual([
      'disk.read.bytes',
      'disk.write.bytes',
      'disk.read.ops',
      'disk.write.ops',
      'disk.space.byte_ns',
    ]);
    expect(meterVector('domain.v2')).toBeUndefined();
  });

  test('B3: the published table: nothing runs while a copy migrates in, only disks while halted', () => {
    const table = metersByPowerState();
    expect(table.migrating).toEqual([]);
    expect(table.halted).toEqual(['disk.space.byte_ns']);
    expect(table.suspended).toEqual(['disk.space.byte_ns']);
    expect(table.paused).toContain('memory.frame_ns');
    expect(table.paused).not.toContain('cpu.ns');
    expect(table.running).toContain('cpu.ns');
  });
});
