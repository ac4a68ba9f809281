'use client';
import { Tooltip } from 'radix-ui';
import type { ReactElement } from 'react';
import { useId } from 'react';

/** Gives the element a tip; without one the element is left alone. */
export function Reason({ text, children }: { text: string | undefined; children: ReactElement }) {
  const id = useId();
  if (!text) return children;
  return (
    <Tooltip.Provider delayDuration={150}>
      <Tooltip.Root>
        <Tooltip.Trigger asChild aria-describedby={id}>
          {children}
        </Tooltip.Trigger>
        <span id={id} className="sr-only">
          {text}
        </span>
        <Tooltip.Portal>
          <Tooltip.Content
            sideOffset={6}
            collisionPadding={12}
            className="bg-ink text-card z-50 max-w-72 rounded-lg px-2.5 py-1.5 text-sm text-pretty"
          >
            {text}
          </Tooltip.Content>
        </Tooltip.Portal>
      </Tooltip.Root>
    </Tooltip.Provider>
  );
}
