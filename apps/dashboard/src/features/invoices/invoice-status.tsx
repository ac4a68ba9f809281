import { CircleCheck, FileCheck } from 'lucide-react';
import type { Invoice } from '../../api/contract';
import { Badge } from '../../ui/badge';

export function InvoiceStatus({ status }: { status: Invoice['status'] }) {
  return status === 'paid' ? (
    <Badge tone="good">
      <CircleCheck aria-hidden /> Paid
    </Badge>
  ) : (
    <Badge tone="accent">
      <FileCheck aria-hidden /> Issued
    </Badge>
  );
}
