'use client';
import { Popover as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';
import { classNames } from '../class-names';

interface PopoverProps {
  readonly trigger: ReactNode;
  readonly label: string;
  readonly children: ReactNode;
  readonly align?: 'start' | 'center' | 'end';
  readonly className?: string;
}

export function Popover({ trigger, label, children, align = 'end', className }: PopoverProps) {
  return (
    <Primitive.Root>
      <Primitive.Trigger asChild>{trigger}</Primitive.Trigger>
      <Primitive.Portal>
        <Primitive.Content
          align={align}
          sideOffset={6}
          collisionPadding={12}
          aria-label={label}
          className={classNames(
            'bg-card border-line data-[state=open]:animate-in data-[state=open]:fade-in data-[state=open]:zoom-in-98 z-50 w-80 max-w-[calc(100vw-1.5rem)] rounded-xl border p-4 text-left shadow-lg duration-100 focus:outline-none',
            className,
          )}
        >
          {children}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
