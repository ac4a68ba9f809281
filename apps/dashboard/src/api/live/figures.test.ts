import { describe, expect, test } from '@jest/globals';
import type { OperatorHost } from '../contract';
import {
  appendFigures,
  livePointsMax,
  withHostFigures,
  type DomainFigures,
  type HostFigures,
  type LiveDomain,
} from './figures';

function figuresAt(second: number, accrued = '0.10'): DomainFigures {
  return {
    domain_id: 'dom_1',
    at: new Date(second * 1000).toISOString(),
    state: 'running',
    cpu_percent: '37.5',
    memory_bytes: '1048576',
    net_rx_bytes_per_s: '1',
    net_tx_bytes_per_s: '2',
    disk_read_bytes_per_s: '3',
    disk_write_bytes_per_s: '4',
    disk_ops_per_s: '5',
    accrued: { amount: accrued, currency: 'EUR' },
    rate_now: { amount: '0.05', currency: 'EUR' },
  };
}

describe('live figures', () => {
  test('the latest figures are set, not added, and two minutes are kept', () => {
    let live: LiveDomain | undefined;
    for (let second = 1; second <= livePointsMax + 30; second += 1)
      live = appendFigures(live, figuresAt(second));
    expect(live?.points).toHaveLength(livePointsMax);
    expect(live?.points[0]?.at).toBe(31_000);
    expect(live?.latest.accrued.amount).toBe('0.10');
  });

  test('a repeated or late message changes nothing', () => {
    const live = appendFigures(appendFigures(undefined, figuresAt(1)), figuresAt(2, '0.20'));
    expect(appendFigures(live, figuresAt(2, '9'))).toBe(live);
    expect(appendFigures(live, figuresAt(1, '9'))).toBe(live);
  });

  test('host figures set the balance and the memory of that host only', () => {
    const memory = { total: 1024, sellable: 900, claimed: 100, xen: null, free: null };
    const host = { id: 'host_1', balance: null, domains: 0, memory_mib: memory } as OperatorHost;
    const balance = { elapsed_ns: '5' } as HostFigures['balance'];
    const figures = { id: 'host_1', balance, frames_free: 1000, frames_xen: '257', running_domains: 2 };
    expect(withHostFigures(host, figures)).toEqual({
      id: 'host_1',
      balance,
      domains: 2,
      memory_mib: { ...memory, free: 3, xen: 2 },
    });
    expect(withHostFigures(host, { ...figures, id: 'host_2' })).toBe(host);
  });
});
