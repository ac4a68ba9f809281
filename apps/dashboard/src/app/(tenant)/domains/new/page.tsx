import type { Metadata } from 'next';
import { CreateForm } from '../../../../features/create-domain/create-form';
import { PageHeader } from '../../../../ui/page-header';

export const metadata: Metadata = { title: 'Create a domain' };

export default function CreateDomainPage() {
  return (
    <>
      <PageHeader
        title="Create a domain"
        note="A slice of a host, charged for what it holds and uses while it does."
      />
      <CreateForm />
    </>
  );
}
