import { Plus } from 'lucide-react';
import type { Metadata } from 'next';
import Link from 'next/link';
import { Suspense } from 'react';
import { DomainList } from '../../../features/domains/domain-list';
import { Button } from '../../../ui/button';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Domains' };

export default function DomainsPage() {
  const create = (
    <Button asChild variant="primary">
      <Link href="/domains/new" data-testid="create-domain">
        <Plus aria-hidden /> Create domain
      </Link>
    </Button>
  );
  return (
    <>
      <PageHeader title="Domains" actions={create} />
      <Suspense>
        <DomainList />
      </Suspense>
    </>
  );
}
