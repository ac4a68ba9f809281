import type { ReactNode } from 'react';

interface PageHeaderProps {
  readonly title: ReactNode;
  readonly badge?: ReactNode;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
}

export function PageHeader({ title, badge, note, actions }: PageHeaderProps) {
  return (
    <div className="mb-6 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="text-2xl leading-8 font-semibold tracking-[-0.02em] break-words">{title}</h1>
          {badge}
        </div>
        {note ? <div className="text-ink-soft mt-1">{note}</div> : null}
      </div>
      {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
    </div>
  );
}
