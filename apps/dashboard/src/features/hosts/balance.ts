import type { OperatorHost } from '../../api/contract';
import type { Share } from '../../ui/chart/share-bar';
import { percentOf } from '../../ui/format/decimal';

type Balance = NonNullable<OperatorHost['balance']>;

/** Where each nanosecond of the host's CPUs went; percents are of the sum, which is what has elapsed. */
export function balanceShares(balance: Balance): Share[] {
  const parts: [string, string, string, boolean][] = [
    ['own', balance.own_ns, 'var(--cpu)', false],
    ['on behalf', balance.onbehalf_ns, 'var(--memory)', false],
    ['overhead', balance.overhead_ns, 'var(--disk)', false],
    ['idle', balance.idle_ns, 'var(--other)', true],
    ['lost', balance.lost_ns, 'var(--bad)', false],
  ];
  const whole = parts.reduce((sum, [, ns]) => sum + BigInt(ns), 0n).toString();
  return parts.map(([name, ns, colour, hatched]) => {
    const percent = percentOf(ns, whole);
    return { name, value: percent, colour, hatched, text: percentText(percent, ns) };
  });
}

/** Time that is not nothing never reads as 0%. */
function percentText(percent: number, ns: string): string {
  if (percent >= 0.1) return `${percent.toFixed(1)}%`;
  return BigInt(ns) > 0n ? '<0.1%' : '0%';
}
