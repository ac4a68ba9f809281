import { cva, type VariantProps } from 'class-variance-authority';
import { Slot } from 'radix-ui';
import type { ComponentProps } from 'react';
import { classNames } from './class-names';

const look = cva(
  'inline-flex shrink-0 items-center justify-center gap-2 whitespace-nowrap rounded-lg font-medium transition-colors select-none disabled:cursor-not-allowed disabled:opacity-60 aria-disabled:cursor-not-allowed aria-disabled:opacity-60 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-accent text-accent-ink hover:bg-accent/90',
        outline: 'border border-line-strong bg-card text-ink hover:bg-sunken',
        ghost: 'text-ink-soft hover:bg-sunken hover:text-ink',
        danger: 'bg-bad-text text-card hover:bg-bad-text/90',
      },
      size: {
        default: 'h-9 px-3.5 text-base',
        small: 'h-7 rounded-md px-2.5 text-sm',
        large: 'h-10 px-4 text-base',
        icon: 'size-9',
        'icon-small': 'size-7 rounded-md [&_svg]:size-3.5',
      },
    },
    defaultVariants: { variant: 'outline', size: 'default' },
  },
);

type ButtonProps = ComponentProps<'button'> & VariantProps<typeof look> & { asChild?: boolean };

export function Button({ className, variant, size, asChild = false, type = 'button', ...rest }: ButtonProps) {
  const classes = classNames(look({ variant, size }), className);
  if (asChild) return <Slot.Root className={classes} {...rest} />;
  return <button type={type} className={classes} {...rest} />;
}
