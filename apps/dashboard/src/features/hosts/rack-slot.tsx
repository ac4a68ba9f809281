import type { OperatorDomain, OperatorHost } from '../../api/contract';
import { formatMib } from '../../ui/format/quantity';
import { tenantColour } from './tenant-colour';

interface RackSlotProps {
  readonly host: OperatorHost;
  readonly domains: readonly OperatorDomain[];
}

/** One host's memory: Xen's own hatched, a slice per domain in its tenant's colour, the rest free. The list is its text twin. */
export function RackSlot({ host, domains }: RackSlotProps) {
  const { total, claimed } = host.memory_mib;
  const xen = host.memory_mib.xen ?? 0;
  const width = (mib: number) => `${(mib / Math.max(total, 1)) * 100}%`;
  const listed = domains.reduce((sum, domain) => sum + domain.config.memory_mib, 0);
  const unlisted = Math.max(claimed - listed, 0);
  return (
    <>
      <div aria-hidden className="bg-sunken border-line flex h-10 gap-px overflow-hidden rounded-lg border">
        <span
          title={`Xen: ${formatMib(xen)}`}
          className="hatched text-other h-full"
          style={{ width: width(xen) }}
        />
        {domains.map((domain) => (
          <span
            key={domain.id}
            title={`${domain.name} (${domain.tenant_name}): ${formatMib(domain.config.memory_mib)}`}
            className="h-full min-w-1 overflow-hidden px-1.5 py-2.5 text-[11px] leading-5 font-medium whitespace-nowrap text-white"
            style={{ width: width(domain.config.memory_mib), background: tenantColour(domain.tenant_id) }}
          />
        ))}
        <span className="bg-other h-full opacity-50" style={{ width: width(unlisted) }} />
      </div>
      <ul className="mt-2.5 flex flex-wrap gap-x-4 gap-y-1 text-sm">
        <li className="text-ink-soft">Xen {formatMib(xen)}</li>
        {domains.map((domain) => (
          <li key={domain.id} className="flex items-center gap-1.5">
            <span
              aria-hidden
              className="size-2 rounded-[3px]"
              style={{ background: tenantColour(domain.tenant_id) }}
            />
            {domain.name}
            <span className="text-ink-soft">
              {domain.tenant_name} · {formatMib(domain.config.memory_mib)} · {domain.state}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
