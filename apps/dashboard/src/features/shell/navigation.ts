import {
  Activity,
  Boxes,
  Coins,
  FileText,
  Gauge,
  LayoutGrid,
  Scale,
  Server,
  Tags,
  Users,
  type LucideIcon,
} from 'lucide-react';

export interface NavEntry {
  readonly href: string;
  readonly label: string;
  readonly icon: LucideIcon;
  readonly testId: string;
}

export interface NavGroup {
  readonly title: string | null;
  readonly entries: readonly NavEntry[];
}

export const tenantNavigation: readonly NavGroup[] = [
  {
    title: null,
    entries: [
      { href: '/', label: 'Overview', icon: LayoutGrid, testId: 'nav-overview' },
      { href: '/domains', label: 'Domains', icon: Boxes, testId: 'nav-domains' },
    ],
  },
  {
    title: 'Money',
    entries: [
      { href: '/bill', label: 'Bill', icon: Coins, testId: 'nav-bill' },
      { href: '/invoices', label: 'Invoices', icon: FileText, testId: 'nav-invoices' },
      { href: '/budgets', label: 'Budgets & limits', icon: Gauge, testId: 'nav-budgets' },
    ],
  },
  {
    title: 'Account',
    entries: [{ href: '/activity', label: 'Activity', icon: Activity, testId: 'nav-activity' }],
  },
];

export const operatorNavigation: readonly NavGroup[] = [
  {
    title: 'Operator',
    entries: [
      { href: '/operator/hosts', label: 'Hosts', icon: Server, testId: 'nav-operator-hosts' },
      { href: '/operator/tenants', label: 'Tenants', icon: Users, testId: 'nav-operator-tenants' },
      { href: '/operator/plans', label: 'Plans & prices', icon: Tags, testId: 'nav-operator-plans' },
      { href: '/operator/ledger', label: 'Ledger', icon: Scale, testId: 'nav-operator-ledger' },
    ],
  },
];

/** The entry a path stands under; the overview only at its own address. */
export function isCurrent(entry: NavEntry, pathname: string): boolean {
  return entry.href === '/'
    ? pathname === '/'
    : pathname === entry.href || pathname.startsWith(`${entry.href}/`);
}
