import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CrashFacts, HostEvent } from '@xenorack/xenoserver';
import { HostEvents } from '../../apps/api/src/hosts/host-events.js';
import { type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product?.close());

const crash: CrashFacts = {
  reason: 'crash',
  message: 'out of memory',
  utcNs: '1763800200123456789',
  livedNs: '5000000000',
  vcpu: 0,
  runstateNs: { running: '1', runnable: '2', blocked: '4999999997', offline: '0' },
  hypercalls: [{ op: 'sched_op', cmd: 'shutdown', answer: null }],
  pendingPorts: [3],
  memoryFrames: 16_384,
  meters: { 'cpu.ns': '1' },
  consoleLines: ['no room left'],
};

test('a tenant reads in its events how its domain crashed, once, and nobody else does', async () => {
  const { body } = await product.tenant.requestDomain({ name: 'faller', plan_id: 'pln_slice1' });
  expect(await product.tenant.finished(body.operation.id)).toMatchObject({ status: 'succeeded' });
  const { id } = body.domain;
  const event: HostEvent = {
    type: 'domain-changed',
    hostId: 'host_1',
    epoch: 1,
    domain: {
      domainId: id,
      domid: 0,
      incarnation: null,
      state: 'crashed',
      pauseCauses: [],
      publishedPorts: [],
      crash,
    },
    reason: 'crash',
    utcNs: crash.utcNs,
  };
  // Hosts tell a change again when they are not sure that it was heard.
  await product.api.get(HostEvents).emit(event);
  await product.api.get(HostEvents).emit(event);
  const path = `/v1/events?types=domain.crashed&subject=${id}`;
  await until('the event', async () => (await product.tenant.get(path)).data.length > 0);
  const { data } = await product.tenant.get(path);
  expect(data).toHaveLength(1);
  expect(data[0]).toMatchObject({
    subject: { type: 'domain', id },
    data: {
      reason: 'crash',
      message: 'out of memory',
      at: '2025-11-22T08:30:00.123Z',
      lived_ns: '5000000000',
      vcpu: 0,
      hypercalls: [{ op: 'sched_op', cmd: 'shutdown', answer: null }],
      pending_ports: [3],
      memory_frames: 16_384,
      console_lines: ['no room left'],
    },
  });
  expect((await product.tenant.get(`/v1/domains/${id}`)).state).toBe('crashed');
  const stranger = await product.addTenant();
  expect((await stranger.get(path)).data).toEqual([]);
});
