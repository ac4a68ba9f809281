import { livePointsMax, type LivePoint } from '../../api/live/figures';

/** What is read of a metrics answer: each point is [moment, value or null for a missing reading]. */
interface MetricsAnswer {
  readonly series: readonly {
    readonly name: string;
    readonly limit: string | null;
    readonly points: readonly (readonly (string | null)[])[];
  }[];
}

/** The metrics answer as the points the live stream would have brought. */
export function pointsOf(metrics: MetricsAnswer): LivePoint[] {
  const byTime = new Map<string, Map<string, number>>();
  for (const series of metrics.series) {
    for (const [at, value] of series.points) {
      if (!at || value === null || value === undefined) continue;
      const figures = byTime.get(at) ?? new Map<string, number>();
      byTime.set(at, figures.set(series.name, Number(value)));
    }
  }
  return [...byTime]
    .map(([at, figures]) => ({
      at: Date.parse(at),
      cpu: figures.get('cpu') ?? 0,
      memory: figures.get('memory') ?? 0,
      netRx: figures.get('net_rx') ?? 0,
      netTx: figures.get('net_tx') ?? 0,
      diskRead: figures.get('disk_read') ?? 0,
      diskWrite: figures.get('disk_write') ?? 0,
      diskOps: figures.get('disk_ops') ?? 0,
    }))
    .sort((a, b) => a.at - b.at);
}

/** History up to where the stream begins, then the stream. */
export function fillWithHistory(history: readonly LivePoint[], live: readonly LivePoint[]): LivePoint[] {
  const begin = live[0]?.at ?? Infinity;
  return [...history.filter((point) => point.at < begin), ...live].slice(-livePointsMax);
}

/** The limit the API gives for a series, as a number for drawing. */
export function limitOf(metrics: MetricsAnswer | undefined, name: string): number | null {
  const limit = metrics?.series.find((series) => series.name === name)?.limit;
  return limit === null || limit === undefined ? null : Number(limit);
}
