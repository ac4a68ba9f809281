import type { Metadata } from 'next';
import { PlanList } from '../../../features/plans/plan-list';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Plans & prices' };

export default function Page() {
  return (
    <>
      <PageHeader title="Plans & prices" />
      <PlanList />
    </>
  );
}
