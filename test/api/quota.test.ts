import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Customer, type Product, startProduct } from '../support/product.js';

const MIB_FRAMES = 256;

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product?.close());

/** What a tenant's quotas say beside the claims they are made of, and the frames that hosts hold for it. */
async function books(tenant: Customer) {
  const quotas = await product.sql(
    `SELECT q.name, q.used::int, q.reserved::int, coalesce(sum(c.amount), 0)::int AS claimed
       FROM quota q LEFT JOIN quota_claim c USING (tenant_id, name) WHERE q.tenant_id = $1 GROUP BY q.tenant_id, q.name`,
    [tenant.id],
  );
  const [frames] = await product.sql(
    `SELECT (SELECT sum(frames_claimed)::int FROM host) AS claimed,
            (SELECT coalesce(sum(memory_frames), 0)::int FROM domain WHERE deleted_at IS NULL) AS owned`,
  );
  return { quotas: new Map(quotas.map((row) => [row['name'], row])), frames: frames! };
}

describe('200 parallel creates against a quota of 10 domains', () => {
  test('give exactly 10; every other one is refused with each limit it would breach, and nothing leaks', async () => {
    // Ten domains also use up the vCPUs, so a refusal has two reasons; memory and disk have room.
    const tenant = await product.addTenant({ name: 'Crowd', quotas: { domains: 10n, vcpus: 10n } });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        tenant.requestDomain({ name: `crowd-${at}`, plan_id: 'pln_slice1' }),
      ),
    );
    const created = answers.filter((answer) => answer.status === 201);
    const statuses = new Map<string, number>();
    for (const { status, body } of answers) {
      const name = `${status} ${body.code ?? ''}`.trim();
      statuses.set(name, (statuses.get(name) ?? 0) + 1);
    }
    expect(Object.fromEntries(statuses)).toEqual({ '201': 10, '409 limit_exceeded': 190 });
    for (const { body } of answers.filter((answer) => answer.status === 409)) {
      expect(
        body.limits.map((limit: any) => [limit.name, limit.limit, limit.requested, limit.short_by]),
      ).toEqual([
        ['domains', '10', '1', '1'],
        ['vcpus', '10', '1', '1'],
      ]);
    }

    const { quotas, frames } = await books(tenant);
    for (const row of quotas.values()) expect(row['used'] + row['reserved']).toBe(row['claimed']);
    expect(quotas.get('domains')).toMatchObject({ claimed: 10 });
    expect(quotas.get('memory_mib')).toMatchObject({ claimed: 640 });
    expect(frames).toEqual({ claimed: 10 * 64 * MIB_FRAMES, owned: 10 * 64 * MIB_FRAMES });
    const [rows] = await product.sql(
      `SELECT (SELECT count(*)::int FROM domain WHERE tenant_id = $1) AS domains,
              (SELECT count(*)::int FROM volume WHERE tenant_id = $1) AS volumes,
              (SELECT count(*)::int FROM operation WHERE tenant_id = $1) AS operations,
              (SELECT count(*)::int FROM idempotency_key WHERE scope LIKE $1 || '/%') AS answers`,
      [tenant.id],
    );
    expect(rows).toEqual({ domains: 10, volumes: 10, operations: 10, answers: 10 });

    // The ten are built beside each other, and then nothing is only reserved any more.
    for (const { body } of created) {
      expect(await tenant.finished(body.operation.id)).toMatchObject({ status: 'succeeded' });
    }
    const after = await books(tenant);
    for (const row of after.quotas.values()) expect(row).toMatchObject({ reserved: 0, used: row['claimed'] });

    // All given back at the end.
    await Promise.all(created.map(({ body }) => tenant.act(body.domain.id, 'delete')));
    const empty = await books(tenant);
    for (const row of empty.quotas.values()) expect(row).toMatchObject({ used: 0, reserved: 0, claimed: 0 });
    expect(empty.frames).toEqual({ claimed: 0, owned: 0 });
  });

  test('a domain larger than several quotas is refused naming all of them', async () => {
    const tenant = await product.addTenant({
      name: 'Small',
      quotas: { domains: 1n, vcpus: 1n, memory_mib: 100n, disk_mib: 100n },
    });
    const answer = await tenant.requestDomain({ name: 'big', plan_id: 'pln_slice2', volume_mib: 1_000 });
    expect(answer).toMatchObject({ status: 409, body: { code: 'limit_exceeded' } });
    expect(answer.body.limits).toEqual([
      { name: 'vcpus', unit: 'count', limit: '1', used: '0', reserved: '0', requested: '2', short_by: '1' },
      {
        name: 'memory_mib',
        unit: 'MiB',
        limit: '100',
        used: '0',
        reserved: '0',
        requested: '256',
        short_by: '156',
      },
      {
        name: 'disk_mib',
        unit: 'MiB',
        limit: '100',
        used: '0',
        reserved: '0',
        requested: '1000',
        short_by: '900',
      },
    ]);
  });
});
