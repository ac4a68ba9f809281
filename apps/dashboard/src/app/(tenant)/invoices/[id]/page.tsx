import type { Metadata } from 'next';
import { Suspense } from 'react';
import { InvoicePage } from '../../../../features/invoices/invoice-page';

export const metadata: Metadata = { title: 'Invoice' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return (
    <Suspense>
      <InvoicePage id={id} />
    </Suspense>
  );
}
