import { FileCheck } from 'lucide-react';
import type { Invoice } from '../../api/contract';
import { Badge } from '../../ui/badge';

export function InvoiceStatus({ status }: { status: Invoice['status'] }) {
  return (
    <Badge tone="good">
      <FileCheck aria-hidden /> {status.charAt(0).toUpperCase() + status.slice(1)}
    </Badge>
  );
}
