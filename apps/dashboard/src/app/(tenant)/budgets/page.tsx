import type { Metadata } from 'next';
import { BudgetList } from '../../../features/budgets/budget-list';
import { LimitList } from '../../../features/budgets/limit-list';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Budgets & limits' };

export default function BudgetsPage() {
  return (
    <>
      <PageHeader title="Budgets & limits" />
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1fr)_368px]">
        <BudgetList />
        <LimitList />
      </div>
    </>
  );
}
