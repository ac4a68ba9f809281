import type { ReactNode } from 'react';
import { Shell } from '../../features/shell/shell';

export default function OperatorLayout({ children }: { children: ReactNode }) {
  return <Shell view="operator">{children}</Shell>;
}
