import { queryKeys } from '../query-keys';

type Key = readonly unknown[];

/** Which cached answers an event of the feed makes old, by the noun that leads its type ("domain.created"). */
export function staleKeys(eventType: string): readonly Key[] {
  const noun = eventType.split('.')[0] ?? '';
  switch (noun) {
    case 'domain':
    case 'operation':
    case 'volume':
      return [
        queryKeys.domains,
        queryKeys.operations,
        queryKeys.limits,
        queryKeys.bill,
        queryKeys.events,
        queryKeys.operatorDomains,
      ];
    case 'budget':
    case 'lease':
    case 'limit':
      return [queryKeys.budgets, queryKeys.limits, queryKeys.domains, queryKeys.events];
    case 'invoice':
    case 'period':
    case 'bill':
      return [
        queryKeys.invoices,
        queryKeys.bill,
        queryKeys.budgets,
        queryKeys.events,
        queryKeys.operatorLedger,
      ];
    case 'plan':
    case 'price':
      return [queryKeys.catalog, queryKeys.events];
    case 'host':
      return [queryKeys.operatorHosts, queryKeys.operatorDomains, queryKeys.events];
    case 'tenant':
      return [queryKeys.me, queryKeys.limits, queryKeys.operatorTenants, queryKeys.events];
    default:
      return [queryKeys.events];
  }
}
