import type { ComponentProps, ReactNode } from 'react';
import { classNames } from './class-names';

export function Card({ className, ...rest }: ComponentProps<'section'>) {
  return (
    <section className={classNames('bg-card border-line min-w-0 rounded-xl border', className)} {...rest} />
  );
}

interface CardHeaderProps {
  readonly title: ReactNode;
  readonly note?: ReactNode;
  readonly aside?: ReactNode;
  readonly id?: string;
}

export function CardHeader({ title, note, aside, id }: CardHeaderProps) {
  return (
    <header className="flex items-start justify-between gap-3 px-5 pt-4 pb-3">
      <div className="min-w-0">
        <h2 id={id} className="text-[15px] leading-6 font-semibold tracking-[-0.005em]">
          {title}
        </h2>
        {note ? <p className="text-ink-soft text-sm">{note}</p> : null}
      </div>
      {aside ? <div className="text-ink-soft flex shrink-0 items-center gap-2 text-sm">{aside}</div> : null}
    </header>
  );
}

export function CardBody({ className, ...rest }: ComponentProps<'div'>) {
  return <div className={classNames('px-5 pb-5', className)} {...rest} />;
}

/** Rows of name and value. */
export function Facts({ children, className }: { children: ReactNode; className?: string }) {
  return <dl className={classNames('divide-line divide-y', className)}>{children}</dl>;
}

export function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4 py-2">
      <dt className="text-ink-soft shrink-0">{name}</dt>
      <dd className="figures min-w-0 text-right break-words">{children}</dd>
    </div>
  );
}
