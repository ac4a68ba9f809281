import { METER_VECTORS } from '@xenorack/accounting';
import { instantWire } from '../catalog/instant.dto.js';
import { picoWire } from '../catalog/money.dto.js';
import type { IncarnationRow } from '../metering/usage.store.js';
import type { LiveTenant } from './live-tenant.js';

const FRAME_BYTES = 4_096n;
const SECOND_NS = 1_000_000_000n;

interface Gathered {
  state: string;
  atNs: bigint;
  perSecond: Map<string, bigint>;
  totals: Map<string, bigint>;
  elapsedNs: bigint;
  cpuNs: bigint;
  frameNs: bigint;
}

/** Once-a-second figures of every domain that lives, its volumes' disk figures included. Rates are per second. */
export function domainFigures(live: LiveTenant) {
  const { rated, ratePerHourByScope } = live;
  const { currency } = rated.tenant;
  const scopeOf = new Map(rated.terms.assignments.map((a) => [a.resourceId, a.capScopeId]));
  const gathered = new Map<string, Gathered>();
  // Domains first, so that volumes find the domain they belong to.
  const open = rated.usage.incarnations.filter((i) => i.closedUtcNs === null);
  for (const incarnation of open.filter((i) => i.resourceKind === 'domain')) {
    gathered.set(incarnation.resourceId, startFigures(incarnation));
  }
  for (const incarnation of open) {
    const figures = gathered.get(scopeOf.get(incarnation.resourceId) ?? incarnation.resourceId);
    if (figures) addFigures(figures, incarnation, live);
  }
  const accrued = live.accruedPicoByScope;
  return [...gathered].map(([domainId, figures]) => ({
    domain_id: domainId,
    at: instantWire(figures.atNs),
    state: figures.state,
    cpu_percent: percentText(figures.cpuNs, figures.elapsedNs),
    memory_bytes: (figures.elapsedNs === 0n
      ? 0n
      : (figures.frameNs * FRAME_BYTES) / figures.elapsedNs
    ).toString(),
    net_rx_bytes_per_s: rateText(figures, 'net.public.rx.bytes'),
    net_tx_bytes_per_s: rateText(figures, 'net.public.tx.bytes'),
    disk_read_bytes_per_s: rateText(figures, 'disk.read.bytes'),
    disk_write_bytes_per_s: rateText(figures, 'disk.write.bytes'),
    disk_ops_per_s: (
      (figures.perSecond.get('disk.read.ops') ?? 0n) + (figures.perSecond.get('disk.write.ops') ?? 0n)
    ).toString(),
    accrued: picoWire(accrued.get(domainId) ?? 0n, currency),
    rate_now: picoWire(ratePerHourByScope.get(domainId) ?? 0n, currency),
    totals: Object.fromEntries([...figures.totals].map(([meter, value]) => [meter, value.toString()])),
  }));
}

function startFigures(incarnation: IncarnationRow): Gathered {
  return {
    state: incarnation.head.state,
    atNs: incarnation.head.utcNs,
    perSecond: new Map(),
    totals: new Map(),
    elapsedNs: 0n,
    cpuNs: 0n,
    frameNs: 0n,
  };
}

function addFigures(figures: Gathered, incarnation: IncarnationRow, live: LiveTenant): void {
  const delta = live.deltas.get(incarnation.id);
  METER_VECTORS[`${incarnation.resourceKind}.v1`].meters.forEach(({ name }, at) => {
    figures.totals.set(name, (figures.totals.get(name) ?? 0n) + (incarnation.head.values[at] ?? 0n));
    if (!delta || delta.elapsedNs === 0n) return;
    const perSecond = ((delta.values[at] ?? 0n) * SECOND_NS) / delta.elapsedNs;
    figures.perSecond.set(name, (figures.perSecond.get(name) ?? 0n) + perSecond);
    if (name === 'cpu.ns' || name === 'cpu.onbehalf.ns') figures.cpuNs += delta.values[at] ?? 0n;
    if (name === 'memory.frame_ns') figures.frameNs += delta.values[at] ?? 0n;
  });
  if (delta && incarnation.resourceKind === 'domain') figures.elapsedNs = delta.elapsedNs;
}

/** Hundredths of a percent of one pCPU, as decimal text. */
function percentText(cpuNs: bigint, elapsedNs: bigint): string {
  const hundredths = elapsedNs === 0n ? 0n : (cpuNs * 10_000n) / elapsedNs;
  return `${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}`;
}

function rateText(figures: Gathered, meter: string): string {
  return (figures.perSecond.get(meter) ?? 0n).toString();
}
