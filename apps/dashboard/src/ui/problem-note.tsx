'use client';
import { CircleAlert, RotateCw } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button';
import { CopyButton } from './copy-button';
import { formatHeld } from './format/quantity';

interface Excess {
  readonly name: string;
  readonly unit: string;
  readonly limit: string;
  readonly used: string;
  readonly reserved: string;
  readonly requested: string;
  readonly short_by: string;
}

interface ProblemLike {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly requestId?: string | null;
  readonly errors?: readonly { pointer: string; detail: string }[];
  readonly limits?: readonly Excess[];
  readonly message: string;
}

interface ProblemNoteProps {
  readonly error: Error;
  readonly onRetry?: () => void;
  readonly what?: string;
}

/** What went wrong in words, with the code and the request id to quote, and a way to try again. */
export function ProblemNote({ error, onRetry, what }: ProblemNoteProps) {
  const problem: ProblemLike = error;
  return (
    <div
      role="alert"
      data-testid="problem"
      className="bg-bad-wash text-bad-text flex gap-3 rounded-lg p-3 text-base break-words"
    >
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1 space-y-1">
        <p className="font-medium">
          {what ? `${what}: ${problem.title ?? problem.message}` : (problem.title ?? problem.message)}
        </p>
        {problem.detail ? <p>{problem.detail}</p> : null}
        {problem.errors
          ?.filter((field) => field.detail !== problem.detail)
          .map((field) => (
            <p key={field.pointer + field.detail}>
              <span className="font-mono text-[12.5px]">{field.pointer}</span> {field.detail}
            </p>
          ))}
        {problem.limits?.map((limit) => (
          <ExcessLine key={limit.name} limit={limit} />
        ))}
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm">
          {problem.code ? <span className="font-mono text-[12px]">{problem.code}</span> : null}
          {problem.requestId ? <RequestId id={problem.requestId} /> : null}
        </div>
        {onRetry ? (
          <Button size="small" onClick={onRetry} className="mt-1">
            <RotateCw aria-hidden /> Try again
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function ExcessLine({ limit }: { limit: Excess }): ReactNode {
  const held = (amount: string) => formatHeld(amount, limit.unit);
  return (
    <p className="figures">
      <span className="font-medium">{limit.name}</span>: needs {held(limit.requested)}, {held(limit.used)}{' '}
      used and {held(limit.reserved)} reserved of {held(limit.limit)} — short by {held(limit.short_by)}
    </p>
  );
}

function RequestId({ id }: { id: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <span className="font-mono text-[12px] break-all" data-testid="request-id">
        {id}
      </span>
      <CopyButton text={id} label="Copy the request id" />
    </span>
  );
}
