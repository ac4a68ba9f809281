import { fineDecimals, formatMoney, formatRate, moneyParts, type MoneyValue } from './format/money';
import { classNames } from './class-names';

interface MoneyProps {
  readonly value: MoneyValue;
  /** Digits after the point, more for tiny amounts; those below the smallest coin are printed faintly. */
  readonly decimals?: number;
  readonly className?: string;
  readonly testId?: string;
}

/** An amount; its exact text is on hover. */
export function Money({ value, decimals, className, testId }: MoneyProps) {
  if (decimals === undefined || decimals <= 2) {
    return (
      <span className={classNames('figures', className)} title={exact(value)} data-testid={testId}>
        {formatMoney(value, decimals)}
      </span>
    );
  }
  const parts = moneyParts(value, fineDecimals(value, decimals));
  return (
    <span
      className={classNames('figures whitespace-nowrap', className)}
      title={exact(value)}
      data-testid={testId}
      data-amount={value.amount}
    >
      {parts.sign}
      <span className="text-ink-soft">{parts.symbol}</span>
      {parts.strong}
      <span className="text-ink-soft font-normal">{parts.faint}</span>
    </span>
  );
}

export function Rate({ value, className }: { value: MoneyValue; className?: string }) {
  return (
    <span className={classNames('figures whitespace-nowrap', className)} title={`${exact(value)} per hour`}>
      {formatRate(value)}/h
    </span>
  );
}

function exact(value: MoneyValue): string {
  return `${value.amount} ${value.currency}`;
}
