'use client';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import type { ReactNode } from 'react';
import type { Me } from '../../api/contract';
import { classNames } from '../../ui/class-names';
import { isCurrent, type NavGroup } from './navigation';

interface SidebarProps {
  readonly me: Me;
  readonly groups: readonly NavGroup[];
  readonly operator: boolean;
  readonly footer: ReactNode;
  readonly onNavigate?: () => void;
}

/** The rail: who pays on top, where to go, and the money so far at the foot. */
export function Sidebar({ me, groups, operator, footer, onNavigate }: SidebarProps) {
  const pathname = usePathname();
  const name = operator ? 'Xenorack' : (me.tenant?.name ?? 'Xenorack');
  return (
    <div className="flex h-full flex-col gap-1 p-3">
      <div className="flex h-14 items-center gap-3 px-2">
        <span
          aria-hidden
          className={classNames(
            'flex size-8 items-center justify-center rounded-lg font-semibold',
            operator ? 'bg-memory text-card' : 'bg-accent text-accent-ink',
          )}
        >
          {name.charAt(0).toUpperCase()}
        </span>
        <span className="min-w-0 flex-1 leading-tight">
          <span className="block truncate font-semibold">{name}</span>
          <span className="text-ink-soft block truncate text-sm">
            {operator ? 'Operator' : accountWords(me)}
          </span>
        </span>
      </div>
      <nav aria-label="Main" className="mt-2 flex-1 space-y-5 overflow-y-auto">
        {groups.map((group) => (
          <div key={group.title ?? 'main'}>
            {group.title ? <p className="text-ink-soft mb-1 px-2.5 text-sm">{group.title}</p> : null}
            <ul className="space-y-0.5">
              {group.entries.map((entry) => {
                const current = isCurrent(entry, pathname);
                const Icon = entry.icon;
                return (
                  <li key={entry.href}>
                    <Link
                      href={entry.href}
                      data-testid={entry.testId}
                      aria-current={current ? 'page' : undefined}
                      onClick={onNavigate}
                      className={classNames(
                        'flex h-9 items-center gap-2.5 rounded-lg px-2.5 transition-colors',
                        current
                          ? 'bg-accent-wash text-accent-text font-medium'
                          : 'text-ink-soft hover:bg-sunken hover:text-ink',
                      )}
                    >
                      <Icon aria-hidden className="size-4" />
                      {entry.label}
                    </Link>
                  </li>
                );
              })}
            </ul>
          </div>
        ))}
      </nav>
      {footer}
    </div>
  );
}

function accountWords({ role, tenant }: Me): string {
  const parts = [role ?? 'member', tenant?.currency, tenant?.mode === 'test' ? 'test clock' : null];
  return parts.filter(Boolean).join(' · ');
}
