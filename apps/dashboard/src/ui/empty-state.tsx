import type { ReactNode } from 'react';

interface EmptyStateProps {
  readonly icon: ReactNode;
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: ReactNode;
}

/** Says what would stand here and what to do about it. */
export function EmptyState({ icon, title, children, action }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      <div
        aria-hidden
        className="bg-sunken text-ink-soft mb-4 flex size-11 items-center justify-center rounded-xl [&_svg]:size-5"
      >
        {icon}
      </div>
      <p className="font-semibold">{title}</p>
      <p className="text-ink-soft mt-1 max-w-sm text-balance">{children}</p>
      {action ? <div className="mt-5">{action}</div> : null}
    </div>
  );
}
