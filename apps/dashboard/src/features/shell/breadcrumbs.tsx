'use client';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useDomain } from '../../api/domains';
import { useInvoice } from '../../api/billing';
import { isCurrent, type NavGroup } from './navigation';

/** Where one is; the last part is the page itself. */
export function Breadcrumbs({ groups }: { groups: readonly NavGroup[] }) {
  const pathname = usePathname();
  const entry = groups.flatMap((group) => group.entries).find((one) => isCurrent(one, pathname));
  if (!entry) return null;
  const rest = pathname.slice(entry.href.length).split('/').filter(Boolean)[0];
  return (
    <nav aria-label="Breadcrumb" className="min-w-0">
      <ol className="text-ink-soft flex min-w-0 items-center gap-2">
        <li className={rest ? 'hidden sm:block' : 'truncate'}>
          {rest ? (
            <Link href={entry.href} className="hover:text-ink">
              {entry.label}
            </Link>
          ) : (
            <span aria-current="page" className="text-ink font-medium">
              {entry.label}
            </span>
          )}
        </li>
        {rest ? (
          <>
            <li aria-hidden className="hidden sm:block">
              /
            </li>
            <li aria-current="page" className="text-ink truncate font-medium">
              <LastPart section={entry.href} id={rest} />
            </li>
          </>
        ) : null}
      </ol>
    </nav>
  );
}

function LastPart({ section, id }: { section: string; id: string }) {
  if (id === 'new') return 'Create';
  if (section === '/domains') return <DomainName id={id} />;
  if (section === '/invoices') return <InvoiceNumber id={id} />;
  return id;
}

function DomainName({ id }: { id: string }) {
  return useDomain(id).data?.name ?? '…';
}

function InvoiceNumber({ id }: { id: string }) {
  return useInvoice(id).data?.number ?? '…';
}
