import { areaPath, linePath, placePoints, topOf } from './path';

interface SparklineProps {
  readonly values: readonly number[];
  readonly limit: number | null;
  readonly label: string;
  readonly colour?: string;
}

const frame = { width: 84, height: 22, slots: 60 };

export function Sparkline({ values, limit, label, colour = 'var(--cpu)' }: SparklineProps) {
  const shown = values.slice(-frame.slots);
  const points = placePoints(shown, { ...frame, top: topOf(shown, limit, 1) });
  return (
    <svg
      role="img"
      aria-label={label}
      width={frame.width}
      height={frame.height}
      className="block overflow-visible"
    >
      <line x1={0} x2={frame.width} y1={frame.height - 0.5} y2={frame.height - 0.5} className="stroke-line" />
      <path d={areaPath(points, frame.height)} fill={colour} opacity={0.12} />
      <path d={linePath(points)} fill="none" stroke={colour} strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
