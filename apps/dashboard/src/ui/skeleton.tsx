import { classNames } from './class-names';

/** A grey shape with the geometry of what will stand there; it shows only after a moment, so quick answers never flash. */
export function Skeleton({ className }: { className?: string }) {
  return (
    <span
      aria-hidden
      data-skeleton
      className={classNames(
        'bg-sunken animate-in fade-in block animate-pulse rounded-md fill-mode-both delay-150',
        className,
      )}
    />
  );
}

/** Rows as a list will have them. */
export function SkeletonRows({ rows, className = 'h-5' }: { rows: number; className?: string }) {
  return (
    <div className="divide-line divide-y" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="flex items-center gap-4 py-3">
          <Skeleton className={classNames('flex-1', className)} />
          <Skeleton className={classNames('w-16', className)} />
        </div>
      ))}
    </div>
  );
}
