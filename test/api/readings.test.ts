import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WireReading } from '@xenorack/xenoserver';
import { altered, EPOCH, FakeHost, growingVectors, readingsOfLife, sealBatch } from '../support/fake-host.js';
import { type Customer, type Product, startProduct } from '../support/product.js';
import { seededRandom, shuffled } from '../support/seed.js';

const SECOND_NS = 1_000_000_000n;
const seed = Number(process.env['XENORACK_TEST_SEED'] ?? 20_260_731);

let product: Product;
let host: FakeHost;
let nowNs: bigint;
let owner: Customer;
beforeAll(async () => {
  // No live host runs: this file speaks for one.
  product = await startProduct({ roles: ['http', 'jobs'] });
  host = await FakeHost.start(product, 'hst_fake');
  const many = 100_000n;
  owner = await product.addTenant({
    quotas: { domains: many, vcpus: many, memory_mib: many, disk_mib: many },
  });
  nowNs = BigInt(Date.now()) * 1_000_000n - 600n * SECOND_NS;
});
afterAll(() => product?.close());

let names = 0;

/** A domain that the control plane has given to the tenant; nobody builds it. */
async function ownedDomain(tenant: Customer): Promise<string> {
  names += 1;
  const answer = await tenant.requestDomain({ name: `fake-${names}`, plan_id: 'pln_metered' });
  expect(answer.status).toBe(201);
  return answer.body.domain.id;
}

async function lifeOf(tenant: Customer, options: { count?: number; kinds?: WireReading['kind'][] } = {}) {
  const domainId = await ownedDomain(tenant);
  const { count = 4, kinds } = options;
  const values = growingVectors(count, seededRandom(seed + names));
  const incarnation = host.newLife();
  return readingsOfLife({ incarnation, domainId, tenantId: tenant.id, fromUtcNs: nowNs, values, kinds });
}

/** Everything that ingest writes, in a form that can be compared bit by bit. */
async function stored() {
  const [row] = await product.sql(
    `SELECT (SELECT count(*)::int FROM reading) AS readings, (SELECT count(*)::int FROM cut) AS cuts,
            (SELECT count(*)::int FROM incarnation) AS lives, (SELECT count(*)::int FROM reading_batch) AS batches,
            (SELECT md5(string_agg(i::text, '' ORDER BY id)) FROM incarnation i) AS heads`,
  );
  return row;
}

/** Totals of a tenant: the heads by order of life, and the bill. */
async function totals(tenant: Customer) {
  const heads = await product.sql(
    `SELECT head_seq, head_utc_ns, head_host_ns, head_state, head_values::text, opened_utc_ns, closed_utc_ns, closed_how, cut_utc_ns
       FROM incarnation WHERE tenant_id = $1 ORDER BY resource_id`,
    [tenant.id],
  );
  const { accrued, payable, lines } = await tenant.get('/v1/billing/current-period');
  return {
    heads,
    accrued,
    payable,
    quantities: lines.map((line: any) => [line.item, line.quantity, line.exact.amount]),
  };
}

describe(`the same readings, whatever happens to them on the way (seed ${seed})`, () => {
  test('posted three times over, divided anew and shuffled, they give the totals of one clean run to the bit', async () => {
    const random = seededRandom(seed);
    const clean = await product.addTenant({ name: 'Clean' });
    const rough = await product.addTenant({ name: 'Rough' });
    const lives: { clean: WireReading[]; rough: WireReading[] }[] = [];
    for (let at = 0; at < 4; at++) {
      const values = growingVectors(30, random);
      const kinds = values.map((_, seq): WireReading['kind'] =>
        at === 0 && seq === 29 ? 'close' : seq % 7 === 3 ? 'cut' : 'inner',
      );
      const of = async (tenant: Customer) =>
        readingsOfLife({
          incarnation: host.newLife(),
          domainId: await ownedDomain(tenant),
          tenantId: tenant.id,
          fromUtcNs: nowNs,
          values,
          kinds,
        });
      lives.push({ clean: await of(clean), rough: await of(rough) });
    }
    for (const life of lives) expect((await host.post(host.seal(life.clean))).status).toBe(200);

    // Each pass cuts every life into runs of its own and mixes them into batches.
    let gaps = 0;
    for (let pass = 0; pass < 3; pass++) {
      const runs = lives.flatMap((life) => {
        const at = 5 + Math.floor(random() * 20);
        return [life.rough.slice(0, at), life.rough.slice(at)];
      });
      const batches = shuffled(runs, random).map((run) => host.seal(run));
      let waiting = shuffled([...batches, ...batches], random);
      while (waiting.length > 0) {
        const early = [];
        for (const batch of waiting) {
          const answer = await host.post(batch);
          if (answer.status === 200) continue;
          // What came before its predecessor is asked for again, and nothing of it is stored.
          expect(answer).toMatchObject({ status: 409, body: { code: 'conflict' } });
          early.push(batch);
        }
        gaps += early.length;
        expect(early.length).toBeLessThan(waiting.length);
        waiting = early;
      }
    }
    expect(gaps).toBeGreaterThan(0);
    expect(await totals(rough)).toEqual(await totals(clean));
  });

  test('a batch sent again is answered as all known and changes nothing', async () => {
    const life = await lifeOf(owner, { kinds: ['inner', 'cut', 'inner', 'close'] });
    const batch = host.seal(life);
    expect((await host.post(batch)).body).toEqual({ accepted: 5, duplicates: 0 });
    const before = await stored();
    expect((await host.post(batch)).body).toEqual({ accepted: 0, duplicates: 5 });
    expect((await host.post(host.seal([...life].slice(2)))).body).toEqual({ accepted: 0, duplicates: 3 });
    expect({ ...(await stored()), batches: 0 }).toEqual({ ...before, batches: 0 });
  });
});

describe('readings that can not be true are refused whole', () => {
  /** Posts one bad reading together with a sound new life, and shows that neither was stored. */
  async function refused(bad: WireReading[], status: number, code: string) {
    const sound = await lifeOf(owner, { count: 1 });
    const before = await stored();
    const answer = await host.post(host.seal([...sound, ...bad]));
    expect([answer.status, answer.body.code, answer.body.detail]).toEqual([status, code, expect.any(String)]);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await stored()).toEqual(before);
    return answer.body;
  }

  test('another body under a known seq, though the host signs it', async () => {
    const life = await lifeOf(owner);
    expect((await host.post(host.seal(life))).status).toBe(200);
    for (const seq of [2, 4]) {
      const values = life[seq]!.values.map((value, at) => (at === 0 ? String(BigInt(value) + 1n) : value));
      const { errors } = await refused([altered(life[seq]!, { values })], 409, 'reading_conflict');
      expect(errors[0]).toMatchObject({
        code: 'conflict',
        pointer: `/readings/${life[0]!.incarnation}#${seq}`,
      });
    }
  });

  test('a counter that falls', async () => {
    const life = await lifeOf(owner);
    await host.post(host.seal(life.slice(0, 4)));
    const values = life[4]!.values.map((value, at) => (at === 3 ? '0' : value));
    const { errors } = await refused([altered(life[4]!, { values })], 409, 'reading_conflict');
    expect(errors[0].code).toBe('counter-fell');
  });

  test('a gap, naming what is missing', async () => {
    const life = await lifeOf(owner);
    await host.post(host.seal(life.slice(0, 2)));
    const { detail } = await refused(life.slice(3), 409, 'conflict');
    expect(detail).toContain('"expectedSeq":"2"');
  });

  test('a reading after the closing one, and a chain that does not hold', async () => {
    const closed = await lifeOf(owner, { count: 2, kinds: ['close', 'inner'] });
    await host.post(host.seal(closed.slice(0, 2)));
    expect((await refused(closed.slice(2), 409, 'reading_conflict')).errors[0].code).toBe('closed');
    const chained = await lifeOf(owner);
    await host.post(host.seal(chained.slice(0, 4)));
    const { errors } = await refused(
      [altered(chained[4]!, { prev: 'ab'.repeat(32) })],
      409,
      'reading_conflict',
    );
    expect(errors[0].code).toBe('bad-chain');
  });

  test("another tenant's resource, a resource nobody has, an incarnation of another host", async () => {
    const other = await product.addTenant({ name: 'Other' });
    const [open] = await lifeOf(owner);
    const foreign = altered(open!, { tenantId: other.id });
    expect((await refused([foreign], 409, 'reading_conflict')).errors[0].code).toBe('foreign-resource');
    const unknown = altered(open!, { resourceId: 'dom_00000000000000000000000000' });
    expect((await refused([unknown], 409, 'reading_conflict')).errors[0].code).toBe('foreign-resource');
    const elsewhere = altered(open!, { incarnation: `hst_else/${EPOCH}/1` });
    expect((await refused([elsewhere], 409, 'reading_conflict')).errors[0].code).toBe('foreign-host');
  });

  test('a known incarnation that suddenly is of another resource or tenant', async () => {
    const other = await product.addTenant({ name: 'Thief' });
    const life = await lifeOf(owner);
    await host.post(host.seal(life.slice(0, 4)));
    const stolen = altered(life[4]!, { tenantId: other.id });
    expect((await refused([stolen], 409, 'reading_conflict')).errors[0].code).toBe('foreign-resource');
    const moved = altered(life[4]!, { resourceId: await ownedDomain(owner) });
    expect((await refused([moved], 409, 'reading_conflict')).errors[0].code).toBe('foreign-resource');
  });

  test('a second life of a resource that still lives, and one that begins before the last has ended', async () => {
    const first = await lifeOf(owner, { count: 3, kinds: ['inner', 'inner', 'close'] });
    const { resourceId, tenantId } = first[0]!;
    const again = (fromUtcNs: bigint) =>
      readingsOfLife({ incarnation: host.newLife(), domainId: resourceId, tenantId, fromUtcNs, values: [] });
    await host.post(host.seal(first.slice(0, 3)));
    const tooEarly = again(nowNs + 2n * SECOND_NS);
    expect((await refused(tooEarly, 409, 'reading_conflict')).errors[0].code).toBe('overlap');
    await host.post(host.seal(first.slice(3)));
    expect((await refused(tooEarly, 409, 'reading_conflict')).errors[0].code).toBe('overlap');
    expect((await host.post(host.seal(again(nowNs + 3n * SECOND_NS)))).status).toBe(200);
  });

  test('time that runs backwards or does not fit', async () => {
    const life = await lifeOf(owner);
    await host.post(host.seal(life.slice(0, 4)));
    const back = altered(life[4]!, { utcNs: life[1]!.utcNs });
    expect((await refused([back], 409, 'reading_conflict')).errors[0].code).toBe('time-fell');
    const hostBack = altered(life[4]!, { hostNs: '0' });
    expect((await refused([hostBack], 409, 'reading_conflict')).errors[0].code).toBe('time-fell');
    const beyond = altered(life[4]!, { hostNs: (2n ** 64n - 1n).toString() });
    await refused([beyond], 422, 'invalid_request');
    const vector = altered(life[4]!, { values: life[4]!.values.slice(1) });
    expect((await refused([vector], 409, 'reading_conflict')).errors[0].code).toBe('malformed');
  });

  test('a signature of nobody, a root or a hash that is not its own, a batch of another host', async () => {
    const life = await lifeOf(owner, { count: 2 });
    const batch = host.seal(life);
    const before = await stored();
    const stranger = await FakeHost.start(product, 'hst_stranger');
    const forged = sealBatch(stranger.key, { hostId: host.id, epoch: EPOCH, batch: batch.batch }, life);
    const cases: [string, typeof batch, number, string][] = [
      ['signature', forged, 422, 'invalid_request'],
      ['signature', { ...batch, signature: 'AAAA' }, 422, 'invalid_request'],
      ['batch', { ...batch, batch: batch.batch + 1_000 }, 422, 'invalid_request'],
      ['root', { ...batch, root: 'cd'.repeat(32) }, 422, 'invalid_request'],
      [
        'hash',
        { ...batch, readings: [{ ...life[0]!, reason: 'tock' }, ...life.slice(1)] },
        422,
        'invalid_request',
      ],
      ['epoch', { ...batch, epoch: EPOCH + 1 }, 404, 'not_found'],
      ['path', { ...batch, hostId: 'hst_stranger' }, 422, 'invalid_request'],
    ];
    for (const [what, sent, status, code] of cases) {
      const answer = await host.post(sent);
      expect([what, answer.status, answer.body.code]).toEqual([what, status, code]);
    }
    expect(await stored()).toEqual(before);
  });

  test('two lives of a resource in one batch are two lives: the first ends before the second begins', async () => {
    const first = await lifeOf(owner, { count: 2, kinds: ['inner', 'close'] });
    const { resourceId, tenantId } = first[0]!;
    const second = readingsOfLife({
      incarnation: host.newLife(),
      domainId: resourceId,
      tenantId,
      fromUtcNs: nowNs + 2n * SECOND_NS,
      values: growingVectors(1, seededRandom(seed)),
    });
    expect((await host.post(host.seal(first.slice(0, 1)))).status).toBe(200);
    expect((await host.post(host.seal([...first.slice(1), ...second]))).body).toEqual({
      accepted: 4,
      duplicates: 0,
    });
    const rows = await product.sql(
      'SELECT closed_how, head_seq::int FROM incarnation WHERE resource_id = $1 ORDER BY opened_utc_ns',
      [resourceId],
    );
    expect(rows).toEqual([
      { closed_how: 'close', head_seq: 2 },
      { closed_how: null, head_seq: 1 },
    ]);
  });
});
