/** Flow 2: scheduler slice -> meter -> reading -> journal -> ingest -> rater -> live bill. Every hop sets, none adds. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CPU_MODEL } from '@xenorack/hypervisor';
import { exchange } from '../support/http-exchange.js';
import { type Created, type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

type Meters = Record<string, bigint>;

let product: Product;
let domain: Created;
beforeAll(async () => {
  product = await startProduct();
  domain = await product.tenant.createDomain('meter');
});
afterAll(() => product?.close());

const countersOf = (reading: { values: Record<string, string> }): Meters =>
  Object.fromEntries(Object.entries(reading.values).map(([meter, text]) => [meter, BigInt(text)]));

/** Counters once nothing of what was asked for is still under way: two readings after now that agree. */
async function settled(resource: string, meters: string[]): Promise<Meters> {
  const known = new Set((await product.tenant.readings(resource)).map(nameOf));
  return until('two new readings that agree', async () => {
    const [last, before] = (await product.tenant.readings(resource)).filter((r) => !known.has(nameOf(r)));
    if (!last || !before) return null;
    const [now, then] = [countersOf(last), countersOf(before)];
    return meters.every((meter) => now[meter] === then[meter]) && now;
  });
}

const nameOf = (reading: { incarnation: string; seq: string }) => `${reading.incarnation}#${reading.seq}`;

const work = ['cpu.ns', 'cpu.onbehalf.ns', 'net.public.rx.bytes', 'net.public.tx.bytes'];

/** Where the meters stood when the last request was done: nobody else asks anything of this domain. */
let stood: Meters | undefined;

/** What one request moved each meter by. */
async function costOf(path: string): Promise<Meters & { sent: bigint; received: bigint }> {
  const before = stood ?? (await settled(`domains/${domain.id}`, work));
  const answer = await exchange(`${domain.url}${path}`);
  expect(answer.status).toBe(200);
  const after = await settled(`domains/${domain.id}`, work);
  stood = after;
  const moved = Object.fromEntries(work.map((meter) => [meter, after[meter]! - before[meter]!]));
  return { ...moved, sent: answer.sentBytes, received: answer.receivedBytes } as never;
}

describe('a request moves the meters', () => {
  test('network by the bytes that the socket really moved, both ways', async () => {
    for (const path of ['', 'bytes?n=0', 'bytes?n=300000']) {
      const cost = await costOf(path);
      expect(cost['net.public.rx.bytes']).toBe(cost.sent);
      expect(cost['net.public.tx.bytes']).toBe(cost.received);
    }
  });

  test("CPU by the model's cost of that request: each declared millisecond and its exit, to the nanosecond", async () => {
    const [short, again, long] = [
      await costOf('burn?ms=100'),
      await costOf('burn?ms=100'),
      await costOf('burn?ms=350'),
    ];
    expect(again['cpu.ns']).toBe(short['cpu.ns']);
    expect(long['cpu.ns']! - short['cpu.ns']!).toBe(250n * (1_000_000n + CPU_MODEL.guestExitNs));
    const perRequest = short['cpu.ns']! - 100n * (1_000_000n + CPU_MODEL.guestExitNs);
    expect(perRequest).toBeGreaterThan(CPU_MODEL.webRequestNs);
    // The rest is its way through the guest kernel: some exits, calls and sleeps.
    expect(perRequest).toBeLessThan(
      CPU_MODEL.webRequestNs + 20n * (CPU_MODEL.guestExitNs + CPU_MODEL.blockNs),
    );
    // The backend's work for it is metered apart, at least one command and a chunk each way.
    expect(short['cpu.onbehalf.ns']).toBeGreaterThanOrEqual(
      2n * (CPU_MODEL.socketCommandNs + CPU_MODEL.socketChunkNs),
    );
  });

  test('disk by the bytes and requests asked for', async () => {
    const disk = ['disk.read.bytes', 'disk.write.bytes', 'disk.write.ops'];
    const before = await settled(`volumes/${domain.volumeId}`, disk);
    stood = undefined;
    expect((await exchange(`${domain.url}disk?write=65536&read=8192`)).status).toBe(200);
    const after = await settled(`volumes/${domain.volumeId}`, disk);
    expect(after['disk.write.bytes']! - before['disk.write.bytes']!).toBe(65_536n);
    expect(after['disk.read.bytes']! - before['disk.read.bytes']!).toBe(8_192n);
    expect(after['disk.write.ops']! > before['disk.write.ops']!).toBe(true);
  });
});

const meterOfItem = {
  cpu: 'cpu.ns',
  'cpu.onbehalf': 'cpu.onbehalf.ns',
  memory: 'memory.frame_ns',
  'disk.space': 'disk.space.byte_ns',
  'disk.write': 'disk.write.bytes',
  'net.tx': 'net.public.tx.bytes',
  'net.rx': 'net.public.rx.bytes',
} as const;

/** Last counters of every life of the domain and its volume, added up by meter. */
async function headSums(): Promise<Meters> {
  const rows = await product.sql<{ resource_kind: string; values: string[] }>(
    'SELECT resource_kind, head_values::text[] AS values FROM incarnation WHERE resource_id = ANY($1)',
    [[domain.id, domain.volumeId]],
  );
  const sums: Meters = {};
  for (const { resource_kind: kind, values } of rows) {
    const resource = kind === 'domain' ? `domains/${domain.id}` : `volumes/${domain.volumeId}`;
    const meters = Object.keys((await product.tenant.readings(resource))[0].values);
    meters.forEach((meter, at) => (sums[meter] = (sums[meter] ?? 0n) + BigInt(values[at]!)));
  }
  return sums;
}

/** The bill beside the heads it was made from. */
function billAndHeads(): Promise<{ lines: Map<string, bigint>; heads: Meters }> {
  return until('a bill made from the present heads', async () => {
    const before = await headSums();
    const bill = await product.tenant.get('/v1/billing/current-period');
    const heads = await headSums();
    if (before['memory.frame_ns'] !== heads['memory.frame_ns']) return null;
    const lines = new Map<string, bigint>(bill.lines.map((line: any) => [line.item, BigInt(line.quantity)]));
    return lines.get('memory') === heads['memory.frame_ns'] && { lines, heads };
  });
}

describe('every hop sets absolute values', () => {
  test("the bill's quantities are the counters of the last readings", async () => {
    const { lines, heads } = await billAndHeads();
    for (const [item, meter] of Object.entries(meterOfItem))
      expect([item, lines.get(item)]).toEqual([item, heads[meter]]);
  });

  test('a second life begins at zero, and the bill has both', async () => {
    expect(await product.tenant.act(domain.id, 'reboot')).toMatchObject({ status: 'succeeded' });
    const [{ lives }] = (await product.sql(
      'SELECT count(*)::int AS lives FROM incarnation WHERE resource_id = $1',
      [domain.id],
    )) as [any];
    expect(lives).toBe(2);
    expect((await exchange(`${domain.url}bytes?n=1000`)).status).toBe(200);
    await settled(`domains/${domain.id}`, work);
    const { lines, heads } = await billAndHeads();
    for (const [item, meter] of Object.entries(meterOfItem))
      expect([item, lines.get(item)]).toEqual([item, heads[meter]]);
  });

  test('a stopped domain is billed for its disk alone', async () => {
    await product.tenant.act(domain.id, 'stop');
    const spaceAfter = (await billAndHeads()).lines;
    const later = await until('more disk space on the bill', async () => {
      const { lines } = await billAndHeads();
      return lines.get('disk.space')! > spaceAfter.get('disk.space')! && lines;
    });
    for (const [item, quantity] of later)
      if (item !== 'disk.space') expect([item, quantity]).toEqual([item, spaceAfter.get(item)]);
  });
});
