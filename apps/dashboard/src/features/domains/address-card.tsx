import { ExternalLink } from 'lucide-react';
import type { Domain } from '../../api/contract';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { CodeLine, CopyButton } from '../../ui/copy-button';

/** Where the guest's port is reached from outside, and the line that tries it. */
export function AddressCard({ domain }: { domain: Domain }) {
  const published = domain.config.ports.filter((port) => port.url !== null);
  return (
    <Card>
      <CardHeader
        title="Address"
        note={published.length > 0 ? 'Real TCP on the host’s own port' : undefined}
      />
      <CardBody>
        {published.length === 0 ? (
          <p className="text-ink-soft">
            {domain.config.ports.length === 0
              ? 'This domain publishes no port.'
              : 'The port gets its address when the domain is built.'}
          </p>
        ) : (
          published.map((port) => (
            <div key={port.guest_port} className="space-y-3">
              <div className="flex items-center gap-1">
                <a
                  href={port.url ?? undefined}
                  target="_blank"
                  rel="noreferrer"
                  data-testid="domain-url"
                  className="text-accent-text inline-flex min-w-0 items-center gap-1.5 font-mono text-[13px] break-all underline-offset-4 hover:underline"
                >
                  {port.url}
                  <ExternalLink aria-hidden className="size-3.5 shrink-0" />
                </a>
                <CopyButton text={port.url ?? ''} label="Copy the address" />
              </div>
              <CodeLine code={`curl -i ${port.url}`} label="Copy the curl line" testId="domain-curl" />
              <p className="text-ink-soft text-sm">
                Guest port {port.guest_port}. Every request moves the meters above by what it really used.
              </p>
            </div>
          ))
        )}
      </CardBody>
    </Card>
  );
}
