'use client';
import { useId } from 'react';
import { areaPath, heightOf, linePath, placePoints, type Frame } from './path';

export interface StripLine {
  readonly values: readonly number[];
  /** A CSS colour. */
  readonly colour: string;
  readonly filled?: boolean;
}

interface StripChartProps {
  readonly lines: readonly StripLine[];
  readonly top: number;
  readonly limit: number | null;
  readonly slots: number;
  readonly label: string;
}

const width = 300;
const height = 72;

/** A live strip: horizontal grid only, 1.5 px line over a soft gradient, dashed limit, a dot at the newest value. */
export function StripChart({ lines, top, limit, slots, label }: StripChartProps) {
  const id = useId();
  const frame: Frame = { width, height, top, slots };
  return (
    <div className="relative mr-1.5 mb-1.5 h-[72px]" role="img" aria-label={label}>
      <svg
        aria-hidden
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        className="absolute inset-0 size-full overflow-visible"
      >
        {[0.25, 0.5, 0.75].map((share) => (
          <line
            key={share}
            x1={0}
            x2={width}
            y1={height * share}
            y2={height * share}
            className="stroke-line"
            vectorEffect="non-scaling-stroke"
          />
        ))}
        {lines.map((line, index) => (
          <StripPath key={index} line={line} frame={frame} gradientId={`${id}-${index}`} />
        ))}
        {limit !== null && limit <= top ? (
          <line
            x1={0}
            x2={width}
            y1={heightOf(limit, frame)}
            y2={heightOf(limit, frame)}
            stroke="var(--limit)"
            strokeDasharray="3 3"
            vectorEffect="non-scaling-stroke"
          />
        ) : null}
      </svg>
      {lines.map((line, index) => {
        const last = line.values.at(-1);
        if (last === undefined) return null;
        const style = { background: line.colour, top: `${(heightOf(last, frame) / height) * 100}%` };
        return (
          <span
            key={index}
            aria-hidden
            style={style}
            className="border-card absolute right-0 size-2.5 translate-x-1/2 -translate-y-1/2 rounded-full border-2"
          />
        );
      })}
    </div>
  );
}

function StripPath({ line, frame, gradientId }: { line: StripLine; frame: Frame; gradientId: string }) {
  const points = placePoints(line.values, frame);
  return (
    <>
      {line.filled ? (
        <>
          <defs>
            <linearGradient id={gradientId} x1="0" x2="0" y1="0" y2="1">
              <stop offset="0" stopColor={line.colour} stopOpacity={0.26} />
              <stop offset="1" stopColor={line.colour} stopOpacity={0.02} />
            </linearGradient>
          </defs>
          <path d={areaPath(points, frame.height)} fill={`url(#${gradientId})`} />
        </>
      ) : null}
      <path
        d={linePath(points)}
        fill="none"
        stroke={line.colour}
        strokeWidth={1.5}
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </>
  );
}
