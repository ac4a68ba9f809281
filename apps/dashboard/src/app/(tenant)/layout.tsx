import type { ReactNode } from 'react';
import { Shell } from '../../features/shell/shell';

export default function TenantLayout({ children }: { children: ReactNode }) {
  return <Shell view="tenant">{children}</Shell>;
}
