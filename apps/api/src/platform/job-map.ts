/** Every job by its final name, with its payload. A name without a handler keeps a process of role jobs from starting. */
export interface JobMap {
  'build-domain': { operationId: string; domainId: string };
  'domain-action': { operationId: string; domainId: string; action: string };
  'delete-domain': { operationId: string; domainId: string };
  'renew-leases': { tenantId: string };
  'close-period': { tenantId: string; periodStart: string; force: boolean };
  'evaluate-budgets': { tenantId: string };
  'accrue-ledger': { tenantId: string };
}

export type JobName = keyof JobMap;

export const jobNames = [
  'build-domain',
  'domain-action',
  'delete-domain',
  'renew-leases',
  'close-period',
  'evaluate-budgets',
  'accrue-ledger',
] as const satisfies readonly JobName[];

/** Fails to compile when a job of the map is missing from the list. */
type Unlisted = Exclude<JobName, (typeof jobNames)[number]>;
const everyJobIsListed: [Unlisted] extends [never] ? true : Unlisted = true;
void everyJobIsListed;
