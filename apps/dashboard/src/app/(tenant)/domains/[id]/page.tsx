import type { Metadata } from 'next';
import { Suspense } from 'react';
import { DomainPage } from '../../../../features/domains/domain-page';

export const metadata: Metadata = { title: 'Domain' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return (
    <Suspense>
      <DomainPage id={id} />
    </Suspense>
  );
}
