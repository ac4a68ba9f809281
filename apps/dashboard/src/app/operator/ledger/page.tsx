import type { Metadata } from 'next';
import { LedgerPage } from '../../../features/ledger/ledger-page';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Ledger' };

export default function Page() {
  return (
    <>
      <PageHeader title="Ledger" />
      <LedgerPage />
    </>
  );
}
