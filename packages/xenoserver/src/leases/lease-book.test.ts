import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ControlPlane, DOMAIN, RUNNING_ITEM, VOLUME } from '../host/control-plane.fixture.js';
import { HostBench, MS_NS, runningNs, startDomain } from '../host/host-bench.fixture.js';
import { SECOND_NS } from '../host/live-host.js';
import { LeaseBook } from './lease-book.js';

let bench: HostBench;
beforeEach(() => {
  bench = new HostBench();
});
afterEach(() => bench.close());

describe('leases', () => {
  test('C3: nothing starts without a lease, and an exhausted one pauses in the tick; a raise resumes', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane);
    await plane.must({ type: 'create-volume', volume: VOLUME });
    await plane.must({ type: 'build-domain', domain: DOMAIN });
    const refused = await plane.command({ type: 'start-domain', domainId: 'dom_1' });
    expect(refused.error?.code).toBe('ENOLEASE');
    const items = [RUNNING_ITEM];
    const taken = await plane.must({
      type: 'set-lease',
      lease: plane.lease({ items, authorisedPico: '500000000' }),
    });
    await plane.must({ type: 'start-domain', domainId: 'dom_1' });
    pass(SECOND_NS);
    await plane.until(() => plane.all('lease-changed').some((event) => event.state === 'exhausted'));
    await plane.until(() => plane.all('domain-changed').at(-1)?.domain.state === 'paused');
    const paused = plane.readingsOf('dom_1').find((reading) => reading.reason === 'pause:allowance')!;
    expect(paused).toMatchObject({ kind: 'cut', state: 'paused' });
    const drawnNs = runningNs(paused.values);
    expect(drawnNs).toBeGreaterThanOrEqual(500n * MS_NS - 2n * MS_NS);
    expect(drawnNs).toBeLessThanOrEqual(501n * MS_NS);
    expect(plane.last('domain-changed').domain.pauseCauses).toEqual(['allowance']);

    const raise = plane.lease({
      items,
      generation: 2,
      authorisedPico: '800000000',
      sinceUtcNs: taken.utcNs!,
    });
    expect((await plane.must({ type: 'set-lease', lease: raise })).utcNs).toBe(taken.utcNs);
    pass(SECOND_NS);
    await plane.until(
      () => plane.readingsOf('dom_1').filter((r) => r.reason === 'pause:allowance').length === 2,
    );
    const reasons = plane.readingsOf('dom_1').flatMap((r) => (r.kind === 'cut' ? [r.reason] : []));
    expect(reasons).toEqual(['pause:allowance', 'unpause:allowance', 'pause:allowance']);
    expect(runningNs(plane.readingsOf('dom_1').at(-1)!.values)).toBeLessThanOrEqual(801n * MS_NS);
  });

  test('C4: a lease that runs out pauses at its very instant, and a renewed one resumes', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane);
    await startDomain(plane);
    const bootUtcNs = BigInt(plane.last('booted').bootUtcNs);
    const expiresUtcNs = (bootUtcNs + 700n * MS_NS + 123n).toString();
    const items = [RUNNING_ITEM];
    await plane.must({ type: 'set-lease', lease: plane.lease({ items, generation: 2, expiresUtcNs }) });
    pass(900n * MS_NS);
    await plane.until(() => plane.all('lease-changed').some((event) => event.state === 'expired'));
    await plane.until(() =>
      plane.readingsOf('dom_1').some((reading) => reading.reason === 'pause:allowance'),
    );
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ utcNs: expiresUtcNs, state: 'paused' });
    await plane.must({ type: 'set-lease', lease: plane.lease({ items, generation: 3 }) });
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ reason: 'unpause:allowance', state: 'running' });
  });

  test('a lease that has nothing to spend says so, and so does a renewed one that is nearly spent', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane);
    await startDomain(plane, [RUNNING_ITEM], '0');
    expect(plane.all('lease-changed').map((event) => event.state)).toEqual(['exhausted']);
    expect(plane.last('operation-done').domain).toMatchObject({
      state: 'paused',
      pauseCauses: ['allowance'],
    });
    const items = [RUNNING_ITEM];
    const raise = (generation: number, authorisedPico: string) =>
      plane.must({ type: 'set-lease', lease: plane.lease({ items, generation, authorisedPico }) });
    await raise(2, '1000000000');
    pass(950n * MS_NS);
    expect(plane.all('lease-changed').map((event) => event.state)).toEqual(['exhausted', 'warned']);
    await raise(3, '1010000000');
    expect(plane.last('lease-changed')).toMatchObject({ state: 'warned', generation: 3 });
  });

  test('a tenant that can not be put under guard is a fault, not a tenant that runs for nobody', () => {
    const book = new LeaseBook({
      hostId: 'host_1',
      epoch: 1,
      utcNs: () => 0n,
      setAllowance: () => ({ code: 'E2BIG', detail: 'allowances: at most 4096' }),
      removeAllowance: () => undefined,
      allowanceStatus: () => null,
      domainsOf: () => ['dom_1'],
      tenantOf: () => 'ten_1',
      cutTenant: () => 0n,
      emit: () => undefined,
    });
    expect(() => book.refresh('ten_1')).toThrow('guard of ten_1: E2BIG allowances: at most 4096');
  });

  test('an ended lease holds the tenant at once', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane);
    await startDomain(plane);
    pass(100n * MS_NS);
    const ended = await plane.must({ type: 'end-lease', leaseId: 'lse_1' });
    pass(100n * MS_NS);
    await plane.until(() =>
      plane.readingsOf('dom_1').some((reading) => reading.reason === 'pause:allowance'),
    );
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ utcNs: ended.utcNs, state: 'paused' });
    expect((await plane.command({ type: 'end-lease', leaseId: 'lse_1' })).error?.code).toBe('ENOENT');
  });

  test('leases that are tampered with, foreign, stale or of other terms are refused and change nothing', async () => {
    const plane = new ControlPlane();
    await bench.startHost(plane);
    await startDomain(plane);
    const items = [RUNNING_ITEM];
    const code = async (lease: { body: string; signature: string }): Promise<string | undefined> =>
      (await plane.command({ type: 'set-lease', lease })).error?.code;
    const good = plane.lease({ items, generation: 2 });
    expect(await code({ ...good, body: good.body.replace('"pause"', '"alert"') })).toBe('EKEYREJECTED');
    expect(await code(plane.lease({ items, generation: 2, epoch: 9 }))).toBe('ESTALE');
    expect(await code(plane.lease({ items, generation: 2, expiresUtcNs: '5' }))).toBe('ESTALE');
    expect(await code(plane.lease({ items, generation: 2, hostId: 'host_2' }))).toBe('EINVAL');
    expect(await code(plane.lease({ items, generation: 2, tenantId: 'ten_2' }))).toBe('EINVAL');
    expect(await code(plane.lease({ items, leaseId: 'lse_2', sinceUtcNs: '7' }))).toBe('EINVAL');
    expect(
      await code(plane.lease({ items: [{ ...RUNNING_ITEM, meter: 'moon.phase' }], generation: 2 })),
    ).toBe('EINVAL');
    expect(await code(plane.lease({ items: [{ ...RUNNING_ITEM, freeQuantity: '9' }], generation: 2 }))).toBe(
      'EINVAL',
    );
    // A generation that is not newer is no error, and no change either.
    expect(await code(plane.lease({ items, generation: 1, authorisedPico: '0' }))).toBeUndefined();
    expect(plane.all('lease-changed')).toEqual([]);
    expect(plane.readingsOf('dom_1').at(-1)!.state).toBe('running');
  });
});
