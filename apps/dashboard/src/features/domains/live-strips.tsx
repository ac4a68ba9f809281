'use client';
import { Cpu, HardDrive, MemoryStick, Network } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Domain } from '../../api/contract';
import { useRecentMetrics } from '../../api/domains';
import { livePointsMax, type LivePoint } from '../../api/live/figures';
import { useLiveDomain } from '../../api/live/use-live-events';
import { Card } from '../../ui/card';
import { topOf } from '../../ui/chart/path';
import { StripChart, type StripLine } from '../../ui/chart/strip-chart';
import { byteParts, formatBytes, formatMib, formatPercent } from '../../ui/format/quantity';
import { fillWithHistory, limitOf, pointsOf } from './history';

/** CPU, memory, network and disk once a second, with the limits drawn. */
export function LiveStrips({ domain }: { domain: Domain }) {
  const live = useLiveDomain(domain.id);
  const history = useRecentMetrics(domain.id, livePointsMax);
  const points = fillWithHistory(history.data ? pointsOf(history.data) : [], live?.points ?? []);
  const last = points.at(-1);
  return (
    <section aria-label="Live usage" className="mb-6">
      <div className="mb-3 flex items-baseline gap-3">
        <h2 className="text-[15px] font-semibold">Live usage</h2>
        <p className="text-ink-soft text-sm">{live ? 'Streaming, 1 s' : 'Waiting for the stream'}</p>
      </div>
      <div className="grid grid-cols-2 gap-3 sm:gap-4 xl:grid-cols-4">
        <CpuStrip domain={domain} points={points} last={last} />
        <MemoryStrip domain={domain} points={points} last={last} />
        <NetworkStrip points={points} last={last} limit={limitOf(history.data, 'net_tx')} />
        <DiskStrip points={points} last={last} limit={limitOf(history.data, 'disk_write')} />
      </div>
    </section>
  );
}

interface StripProps {
  readonly points: readonly LivePoint[];
  readonly last: LivePoint | undefined;
}

function CpuStrip({ domain, points, last }: StripProps & { domain: Domain }) {
  const { vcpus, cap } = domain.config;
  const limit = cap > 0 ? Math.min(cap, vcpus * 100) : vcpus * 100;
  const values = points.map((point) => point.cpu);
  const value = last ? formatPercent(last.cpu) : '–';
  return (
    <Strip
      testId="live-cpu"
      icon={<Cpu aria-hidden />}
      name="CPU"
      limitText={cap > 0 ? `cap ${cap}%` : `${vcpus} vCPU`}
      value={value}
      unit="%"
      aside={values.length > 0 ? `peak ${formatPercent(Math.max(...values))}%` : ''}
      lines={[{ values, colour: 'var(--cpu)', filled: true }]}
      top={topOf(values, limit, 4)}
      limit={limit}
      label={`CPU ${value} percent, limit ${limit} percent`}
    />
  );
}

function MemoryStrip({ domain, points, last }: StripProps & { domain: Domain }) {
  const limit = domain.config.memory_mib * 1024 * 1024;
  const parts = last ? byteParts(last.memory) : { value: '–', unit: '' };
  return (
    <Strip
      testId="live-memory"
      icon={<MemoryStick aria-hidden />}
      name="Memory"
      limitText={formatMib(domain.config.memory_mib)}
      value={parts.value}
      unit={parts.unit}
      aside={last ? `${Math.round((last.memory / limit) * 100)}%` : ''}
      lines={[{ values: points.map((point) => point.memory), colour: 'var(--memory)', filled: true }]}
      top={limit * 1.15}
      limit={limit}
      label={`Memory ${parts.value} ${parts.unit} of ${formatMib(domain.config.memory_mib)}`}
    />
  );
}

function NetworkStrip({ points, last, limit }: StripProps & { limit: number | null }) {
  const parts = last ? byteParts(last.netTx) : { value: '–', unit: 'B' };
  const sent = points.map((point) => point.netTx);
  const received = points.map((point) => point.netRx);
  return (
    <Strip
      testId="live-network"
      icon={<Network aria-hidden />}
      name="Network"
      limitText={limit ? `${formatBytes(limit)}/s` : 'no limit'}
      value={parts.value}
      unit={`${parts.unit}/s out`}
      aside={last ? `↙ ${formatBytes(last.netRx)}/s in` : ''}
      lines={[
        { values: received, colour: 'var(--other)' },
        { values: sent, colour: 'var(--network)', filled: true },
      ]}
      top={topOf([...sent, ...received], limit, 1024)}
      limit={limit}
      label={`Network ${parts.value} ${parts.unit} per second sent, ${formatBytes(last?.netRx ?? 0)} per second received`}
    />
  );
}

function DiskStrip({ points, last, limit }: StripProps & { limit: number | null }) {
  const parts = last ? byteParts(last.diskRead + last.diskWrite) : { value: '–', unit: 'B' };
  const read = points.map((point) => point.diskRead);
  const written = points.map((point) => point.diskWrite);
  const operations = last ? `${Math.round(last.diskOps)} IO/s` : '';
  return (
    <Strip
      testId="live-disk"
      icon={<HardDrive aria-hidden />}
      name="Disk"
      limitText={limit ? `${formatBytes(limit)}/s` : 'no limit'}
      value={parts.value}
      unit={`${parts.unit}/s`}
      aside={operations}
      lines={[
        { values: read, colour: 'var(--other)' },
        { values: written, colour: 'var(--disk)', filled: true },
      ]}
      top={topOf([...read, ...written], limit, 1024)}
      limit={limit}
      label={`Disk ${parts.value} ${parts.unit} per second, ${operations}`}
    />
  );
}

interface StripCardProps {
  readonly testId: string;
  readonly icon: ReactNode;
  readonly name: string;
  readonly limitText: string;
  readonly value: string;
  readonly unit: string;
  readonly aside: string;
  readonly lines: readonly StripLine[];
  readonly top: number;
  readonly limit: number | null;
  readonly label: string;
}

function Strip(props: StripCardProps) {
  return (
    <Card className="overflow-hidden">
      <div className="px-4 pt-3.5 pb-3">
        <div className="text-ink-soft flex items-center justify-between gap-2 text-sm">
          <span className="flex items-center gap-2 [&_svg]:size-4">
            {props.icon}
            {props.name}
          </span>
          <span className="figures truncate">{props.limitText}</span>
        </div>
        <div className="mt-2 flex flex-wrap items-baseline justify-between gap-x-2">
          <span className="figures whitespace-nowrap">
            <span
              data-testid={props.testId}
              className="text-[26px] leading-8 font-semibold tracking-[-0.02em]"
            >
              {props.value}
            </span>{' '}
            <span className="text-ink-soft">{props.unit}</span>
          </span>
          <span className="figures text-ink-soft text-sm">{props.aside}</span>
        </div>
      </div>
      <StripChart
        lines={props.lines}
        top={props.top}
        limit={props.limit}
        slots={livePointsMax}
        label={props.label}
      />
    </Card>
  );
}
