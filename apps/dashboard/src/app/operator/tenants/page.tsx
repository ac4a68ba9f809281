import type { Metadata } from 'next';
import { TenantList } from '../../../features/tenants/tenant-list';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Tenants' };

export default function Page() {
  return (
    <>
      <PageHeader title="Tenants" />
      <TenantList />
    </>
  );
}
