import type { ComponentProps, ReactNode } from 'react';
import { classNames } from './class-names';

interface TableProps {
  readonly label: string;
  readonly children: ReactNode;
  readonly className?: string;
}

/** A dense table that scrolls sideways inside its card; the scroller can be reached by keyboard. */
export function Table({ label, children, className }: TableProps) {
  return (
    <div
      className="focus-visible:outline-accent relative w-full overflow-x-auto"
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <table aria-label={label} className={classNames('w-full border-collapse text-left', className)}>
        {children}
      </table>
    </div>
  );
}

type CellProps<Tag extends 'td' | 'th'> = ComponentProps<Tag> & { numeric?: boolean };

export function HeadCell({ className, numeric, ...rest }: CellProps<'th'>) {
  return (
    <th
      scope="col"
      className={classNames(
        'text-ink-soft border-line h-9 border-b px-3 text-sm font-medium whitespace-nowrap first:pl-5 last:pr-5',
        numeric && 'text-right',
        className,
      )}
      {...rest}
    />
  );
}

export function Cell({ className, numeric, ...rest }: CellProps<'td'>) {
  return (
    <td
      className={classNames(
        'border-line h-11 border-b px-3 py-1.5 first:pl-5 last:pr-5 in-[tbody>tr:last-child]:border-b-0',
        numeric && 'figures text-right whitespace-nowrap',
        className,
      )}
      {...rest}
    />
  );
}

export function Row({ className, ...rest }: ComponentProps<'tr'>) {
  return <tr className={classNames('hover:bg-sunken/60 transition-colors', className)} {...rest} />;
}
