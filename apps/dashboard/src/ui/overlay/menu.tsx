'use client';
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { classNames } from '../class-names';

const panel =
  'bg-card border-line data-[state=open]:animate-in data-[state=open]:fade-in data-[state=open]:zoom-in-98 z-50 min-w-52 max-w-80 rounded-xl border p-1 shadow-lg duration-100';

interface MenuProps {
  readonly trigger: ReactNode;
  readonly children: ReactNode;
  readonly align?: 'start' | 'end';
  readonly label?: string;
}

export function Menu({ trigger, children, align = 'end', label }: MenuProps) {
  // Not modal: hiding the page from screen readers while it keeps its focusable parts would be worse than both.
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={align} sideOffset={6} className={panel} aria-label={label}>
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface MenuItemProps {
  readonly icon?: ReactNode;
  readonly children: ReactNode;
  readonly onSelect: () => void;
  readonly danger?: boolean;
  /** Why this cannot be chosen now; the item then stays visible with its reason. */
  readonly blockedBy?: string | undefined;
  readonly testId?: string;
}

export function MenuItem({ icon, children, onSelect, danger, blockedBy, testId }: MenuItemProps) {
  const blocked = blockedBy !== undefined;
  return (
    <DropdownMenu.Item
      // Kept focusable, so that the reason can be read by keyboard and screen reader too.
      aria-disabled={blocked}
      onSelect={(event) => {
        if (blocked) event.preventDefault();
        else onSelect();
      }}
      data-testid={testId}
      className={classNames(
        'flex items-start gap-2.5 rounded-lg px-2.5 py-2 outline-none [&_svg]:mt-0.5 [&_svg]:size-4 [&_svg]:shrink-0',
        danger && !blocked ? 'text-bad-text' : 'text-ink',
        blocked ? 'text-ink-soft cursor-not-allowed' : 'data-[highlighted]:bg-sunken cursor-pointer',
        blocked && 'data-[highlighted]:bg-sunken/50',
      )}
    >
      {icon}
      <span className="min-w-0">
        {children}
        {blocked ? <span className="text-ink-soft block text-sm text-pretty">{blockedBy}</span> : null}
      </span>
    </DropdownMenu.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2.5 py-2 text-sm">{children}</DropdownMenu.Label>;
}

export function MenuRule() {
  return <DropdownMenu.Separator className="bg-line my-1 h-px" />;
}
