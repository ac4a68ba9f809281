'use client';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button } from './button';

/** Copies a text and says that it did. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  };
  return (
    <Button
      variant="ghost"
      size="icon-small"
      aria-label={copied ? 'Copied' : label}
      title={label}
      onClick={copy}
    >
      {copied ? <Check aria-hidden className="text-good-text" /> : <Copy aria-hidden />}
    </Button>
  );
}

/** One line of code in mono with its copy button. */
export function CodeLine({ code, label, testId }: { code: string; label: string; testId?: string }) {
  return (
    <div className="bg-sunken border-line flex items-start gap-1 rounded-lg border py-1 pr-1 pl-3">
      <code data-testid={testId} className="min-w-0 flex-1 py-1 font-mono text-[12.5px] leading-5 break-all">
        {code}
      </code>
      <CopyButton text={code} label={label} />
    </div>
  );
}
