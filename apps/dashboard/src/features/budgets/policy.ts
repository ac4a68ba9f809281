import type { Budget } from '../../api/contract';

export type Policy = Budget['policy'];

/** What happens when the money is gone. */
export const policyWords: Record<Policy, { name: string; effect: string }> = {
  pause: {
    name: 'Pause',
    effect: 'Domains stop in the host’s own tick; memory and disk live on the landing reserve.',
  },
  throttle: { name: 'Throttle', effect: 'Domains go on with little CPU until you raise the budget.' },
  alert: { name: 'Alert only', effect: 'You are told; nothing stops.' },
};

export const policyOrder: readonly Policy[] = ['pause', 'throttle', 'alert'];

/** Decimal text with at most nine places and above zero, as a budget's amount must be. */
export function checkAmount(text: string): string | undefined {
  if (!/^\d{1,12}(\.\d{1,9})?$/.test(text)) return 'An amount like 0.05 or 25.';
  return /[1-9]/.test(text) ? undefined : 'More than nothing.';
}

/** "50, 80, 100" as numbers; null when they cannot be read. */
export function readThresholds(text: string): number[] | null {
  const parts = text.split(/[\s,%]+/).filter(Boolean);
  const marks = parts.map(Number);
  if (marks.some((mark) => !Number.isInteger(mark) || mark < 1 || mark > 100)) return null;
  return [...new Set(marks)].sort((a, b) => a - b);
}
