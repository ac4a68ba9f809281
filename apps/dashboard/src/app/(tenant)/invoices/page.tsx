import type { Metadata } from 'next';
import { InvoiceList } from '../../../features/invoices/invoice-list';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Invoices' };

export default function InvoicesPage() {
  return (
    <>
      <PageHeader title="Invoices" />
      <InvoiceList />
    </>
  );
}
