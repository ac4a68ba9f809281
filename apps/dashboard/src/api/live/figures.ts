// The once-a-second figures of the stream, and how they change what the page holds. Every figure *sets* an absolute
// value: a lost or repeated message never makes a total wrong.

import type { Domain, Money, OperatorHost } from '../contract';

export interface DomainFigures {
  readonly domain_id: string;
  readonly at: string;
  readonly state: Domain['state'];
  readonly cpu_percent: string;
  readonly memory_bytes: string;
  readonly net_rx_bytes_per_s: string;
  readonly net_tx_bytes_per_s: string;
  readonly disk_read_bytes_per_s: string;
  readonly disk_write_bytes_per_s: string;
  readonly disk_ops_per_s: string;
  readonly accrued: Money;
  readonly rate_now: Money;
}

export interface BillFigures {
  readonly at: string;
  readonly accrued: Money;
  readonly payable: Money;
  readonly rate_per_hour: Money;
  readonly metered_to: string | null;
}

/** One second of a domain, as numbers for drawing. */
export interface LivePoint {
  readonly at: number;
  readonly cpu: number;
  readonly memory: number;
  readonly netRx: number;
  readonly netTx: number;
  readonly diskRead: number;
  readonly diskWrite: number;
  readonly diskOps: number;
}

export interface LiveDomain {
  readonly latest: DomainFigures;
  readonly points: readonly LivePoint[];
}

/** Two minutes at one point a second. */
export const livePointsMax = 120;

export function livePoint(figures: DomainFigures): LivePoint {
  return {
    at: Date.parse(figures.at),
    cpu: Number(figures.cpu_percent),
    memory: Number(figures.memory_bytes),
    netRx: Number(figures.net_rx_bytes_per_s),
    netTx: Number(figures.net_tx_bytes_per_s),
    diskRead: Number(figures.disk_read_bytes_per_s),
    diskWrite: Number(figures.disk_write_bytes_per_s),
    diskOps: Number(figures.disk_ops_per_s),
  };
}

/** The domain's live view after one more message; a message not newer than the latest changes nothing. */
export function appendFigures(live: LiveDomain | undefined, figures: DomainFigures): LiveDomain {
  const point = livePoint(figures);
  const last = live?.points.at(-1);
  if (live && last && point.at <= last.at) return live;
  return { latest: figures, points: [...(live?.points ?? []), point].slice(-livePointsMax) };
}

/** Once-a-second figures of a host: its trial balance (nanoseconds as text) and its frames of 4 KiB. */
export interface HostFigures {
  readonly id: string;
  readonly balance: NonNullable<OperatorHost['balance']>;
  readonly frames_free: number | string;
  readonly frames_xen: number | string;
  readonly running_domains: number;
}

const framesPerMib = 256;

/** The host as the operator's list shows it, with its newest figures set. */
export function withHostFigures(host: OperatorHost, figures: HostFigures): OperatorHost {
  if (host.id !== figures.id) return host;
  const free = Math.floor(Number(figures.frames_free) / framesPerMib);
  const xen = Math.ceil(Number(figures.frames_xen) / framesPerMib);
  return {
    ...host,
    balance: figures.balance,
    domains: figures.running_domains,
    memory_mib: { ...host.memory_mib, free, xen },
  };
}
