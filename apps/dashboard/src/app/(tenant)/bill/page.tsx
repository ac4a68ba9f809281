import type { Metadata } from 'next';
import { BillPage } from '../../../features/bill/bill-page';

export const metadata: Metadata = { title: 'Bill' };

export default function Page() {
  return <BillPage />;
}
