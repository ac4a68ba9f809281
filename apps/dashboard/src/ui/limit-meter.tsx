import { MeterBar, toneOf } from './chart/meter-bar';
import { classNames } from './class-names';
import { compareDecimals, percentOf, subtractDecimals, sumDecimals } from './format/decimal';
import { formatHeld, limitLabel } from './format/quantity';

interface LimitMeterProps {
  readonly name: string;
  readonly unit: string;
  readonly limit: string;
  readonly used: string;
  readonly reserved: string;
  /** What a form would add. */
  readonly requested?: string;
}

/** One limit: used, reserved, asked for and left, drawn and in words. */
export function LimitMeter({ name, unit, limit, used, reserved, requested = '0' }: LimitMeterProps) {
  const taken = sumDecimals([used, reserved, requested]);
  const headroom = subtractDecimals(limit, taken);
  const percent = percentOf(taken, limit);
  const over = headroom.startsWith('-');
  const tone = over ? 'bad' : toneOf(percent);
  const label = limitLabel(name);
  const held = (amount: string) => formatHeld(amount, unit);
  const words = over
    ? `Short by ${held(headroom.slice(1))}`
    : compareDecimals(headroom, '0') === 0
      ? 'At the limit'
      : `${held(headroom)} headroom`;
  return (
    <div data-testid={`limit-${name}`}>
      <div className="mb-1.5 flex items-baseline justify-between gap-3">
        <span className="font-medium">{label}</span>
        <span className="figures text-ink-soft text-sm">
          <span className="text-ink font-semibold">{held(used)}</span> of {held(limit)}
        </span>
      </div>
      <MeterBar
        label={`${label} used`}
        usedPercent={percentOf(used, limit)}
        reservedPercent={percentOf(reserved, limit)}
        requestedPercent={percentOf(requested, limit)}
        tone={tone}
      />
      <div className="figures mt-1.5 flex justify-between gap-3 text-sm">
        <span
          className={classNames(
            tone === 'bad' ? 'text-bad-text' : tone === 'warn' ? 'text-warn-text' : 'text-ink-soft',
          )}
        >
          {words}
          {isSome(reserved) ? <span className="text-ink-soft"> · {held(reserved)} reserved</span> : null}
          {isSome(requested) ? (
            <span className="text-ink-soft"> · {held(requested)} for this one</span>
          ) : null}
        </span>
        <span className="text-ink-soft">{Math.round(percent)}%</span>
      </div>
    </div>
  );
}

function isSome(amount: string): boolean {
  return compareDecimals(amount, '0') > 0;
}
