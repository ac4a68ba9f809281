import { classNames } from '../class-names';

export type MeterTone = 'accent' | 'warn' | 'bad';

interface MeterBarProps {
  readonly label: string;
  /** Percent of the whole, each; together they may pass 100, the bar then ends. */
  readonly usedPercent: number;
  readonly reservedPercent?: number;
  readonly requestedPercent?: number;
  readonly tone?: MeterTone;
  readonly marks?: readonly number[];
}

const fills: Record<MeterTone, string> = { accent: 'bg-accent', warn: 'bg-warn', bad: 'bg-bad' };
const inks: Record<MeterTone, string> = { accent: 'text-accent', warn: 'text-warn', bad: 'text-bad' };

/** Used is solid, reserved is hatched, what this form would add is outlined, the rest is free. */
export function MeterBar(props: MeterBarProps) {
  const {
    label,
    usedPercent,
    reservedPercent = 0,
    requestedPercent = 0,
    tone = 'accent',
    marks = [],
  } = props;
  const used = Math.min(Math.max(usedPercent, 0), 100);
  const reserved = Math.min(reservedPercent, 100 - used);
  const requested = Math.min(requestedPercent, 100 - used - reserved);
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(used + reserved)}
      className="bg-sunken relative flex h-2 w-full overflow-hidden rounded-full"
    >
      <span
        className={classNames('h-full transition-[width] duration-500', fills[tone])}
        style={{ width: `${used}%` }}
      />
      <span className={classNames('hatched h-full', inks[tone])} style={{ width: `${reserved}%` }} />
      <span
        className={classNames('h-full border-y-2 border-r-2 opacity-80', inks[tone])}
        style={{
          width: `${requested}%`,
          borderColor: 'currentColor',
          display: requested > 0 ? 'block' : 'none',
        }}
      />
      {marks.map((mark) => (
        <span key={mark} className="bg-card/90 absolute inset-y-0 w-0.5" style={{ left: `${mark}%` }} />
      ))}
    </div>
  );
}

/** Green is never shown: a bar is plain until it needs looking at. */
export function toneOf(percent: number): MeterTone {
  if (percent >= 100) return 'bad';
  return percent >= 80 ? 'warn' : 'accent';
}
