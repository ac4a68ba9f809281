import { cva, type VariantProps } from 'class-variance-authority';
import type { ComponentProps } from 'react';
import { classNames } from './class-names';

const look = cva(
  'inline-flex h-6 shrink-0 items-center gap-1.5 whitespace-nowrap rounded-full px-2.5 text-sm font-medium [&_svg]:size-3.5 [&_svg]:shrink-0',
  {
    variants: {
      tone: {
        neutral: 'bg-sunken text-ink-soft',
        accent: 'bg-accent-wash text-accent-text',
        good: 'bg-good-wash text-good-text',
        warn: 'bg-warn-wash text-warn-text',
        bad: 'bg-bad-wash text-bad-text',
        outline: 'border border-line-strong text-ink-soft',
      },
    },
    defaultVariants: { tone: 'neutral' },
  },
);

export type Tone = NonNullable<VariantProps<typeof look>['tone']>;

export function Badge({ className, tone, ...rest }: ComponentProps<'span'> & VariantProps<typeof look>) {
  return <span className={classNames(look({ tone }), className)} {...rest} />;
}
