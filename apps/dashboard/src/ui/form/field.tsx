'use client';
import { useId, type ComponentProps, type ReactNode } from 'react';
import { classNames } from '../class-names';

interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  /** Receives the ids that tie label, hint and error to the control. */
  readonly children: (ids: {
    id: string;
    'aria-describedby'?: string;
    'aria-invalid'?: boolean;
  }) => ReactNode;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? hint;
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1.5 block font-medium">
        {label}
      </label>
      {children({
        id,
        ...(note ? { 'aria-describedby': noteId } : {}),
        ...(error ? { 'aria-invalid': true } : {}),
      })}
      {note ? (
        <p id={noteId} className={classNames('mt-1.5 text-sm', error ? 'text-bad-text' : 'text-ink-soft')}>
          {note}
        </p>
      ) : null}
    </div>
  );
}

const control =
  'border-line-strong bg-card h-9 w-full min-w-0 rounded-lg border px-3 text-base placeholder:text-ink-soft aria-invalid:border-bad focus-visible:outline-offset-0';

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={classNames(control, className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<'select'>) {
  return <select className={classNames(control, 'pr-8', className)} {...rest} />;
}

interface ChoiceProps extends Omit<ComponentProps<'input'>, 'type'> {
  readonly testId?: string;
}

/** A card that is one of several: the whole of it is the label of its radio button. */
export function ChoiceCard({ children, className, testId, ...rest }: ChoiceProps) {
  return (
    <label
      data-testid={testId}
      className={classNames(
        'border-line-strong bg-card hover:border-accent has-checked:border-accent has-checked:bg-accent-wash/50 has-checked:ring-accent has-focus-visible:outline-accent relative block cursor-pointer rounded-xl border p-4 transition-colors has-checked:ring-1 has-focus-visible:outline-2 has-focus-visible:outline-offset-2',
        className,
      )}
    >
      <input type="radio" className="sr-only" {...rest} />
      {children}
    </label>
  );
}

export function Checkbox({ className, ...rest }: Omit<ComponentProps<'input'>, 'type'>) {
  return (
    <input type="checkbox" className={classNames('accent-accent size-4 shrink-0', className)} {...rest} />
  );
}
