'use client';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';
import { Button } from '../button';
import { classNames } from '../class-names';

interface DialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: string;
  readonly description?: ReactNode;
  readonly children: ReactNode;
  readonly wide?: boolean;
}

export function Dialog({ open, onOpenChange, title, description, children, wide = false }: DialogProps) {
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className="data-[state=open]:animate-in data-[state=open]:fade-in fixed inset-0 z-40 bg-black/45" />
        <Primitive.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          className={classNames(
            'bg-card border-line data-[state=open]:animate-in data-[state=open]:fade-in data-[state=open]:zoom-in-98 fixed top-1/2 left-1/2 z-50 max-h-[88dvh] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-2xl border p-5 shadow-xl duration-150 focus:outline-none',
            wide ? 'max-w-2xl' : 'max-w-md',
          )}
        >
          <div className="flex items-start justify-between gap-4">
            <Primitive.Title className="text-base leading-6 font-semibold">{title}</Primitive.Title>
            <Primitive.Close asChild>
              <Button variant="ghost" size="icon-small" aria-label="Close">
                <X aria-hidden />
              </Button>
            </Primitive.Close>
          </div>
          {description ? (
            <Primitive.Description className="text-ink-soft mt-1" asChild>
              <div>{description}</div>
            </Primitive.Description>
          ) : null}
          <div className="mt-4">{children}</div>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

interface ConfirmProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: string;
  /** What it does to the money, in one sentence. */
  readonly money: ReactNode;
  readonly consequence?: ReactNode;
  readonly confirm: string;
  readonly danger?: boolean;
  readonly busy?: boolean;
  readonly onConfirm: () => void;
  readonly children?: ReactNode;
  readonly blocked?: boolean;
}

/** Asks before something that cannot simply be undone, and always says what it costs or saves. */
export function ConfirmDialog(props: ConfirmProps) {
  const {
    open,
    onOpenChange,
    title,
    money,
    consequence,
    confirm,
    danger,
    busy,
    onConfirm,
    children,
    blocked,
  } = props;
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title} description={consequence}>
      <p className="bg-sunken figures rounded-lg px-3 py-2.5" data-testid="confirm-money">
        {money}
      </p>
      {children ? <div className="mt-4">{children}</div> : null}
      <div className="mt-5 flex justify-end gap-2">
        <Button onClick={() => onOpenChange(false)}>Cancel</Button>
        <Button
          variant={danger ? 'danger' : 'primary'}
          disabled={busy || blocked}
          onClick={onConfirm}
          data-testid="confirm-action"
        >
          {confirm}
        </Button>
      </div>
    </Dialog>
  );
}
