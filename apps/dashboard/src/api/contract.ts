// The nouns of the API, read off the generated contract by path, so that a renamed schema changes nothing here and a
// changed shape fails the type check where it is used.
import type { paths } from './schema.gen';

type Body<T> = T extends { content: { 'application/json': infer Shape } } ? Shape : never;
type Operation_<Path extends keyof paths, Method extends string> = Method extends keyof paths[Path]
  ? paths[Path][Method]
  : never;
type Answer<Path extends keyof paths, Method extends string, Status extends number> =
  Operation_<Path, Method> extends { responses: infer Responses }
    ? Status extends keyof Responses
      ? Body<Responses[Status]>
      : never
    : never;
type Sent<Path extends keyof paths, Method extends string> =
  Operation_<Path, Method> extends { requestBody?: infer Content } ? Body<NonNullable<Content>> : never;

export type Me = Answer<'/v1/me', 'get', 200>;
export type Catalog = Answer<'/v1/plans', 'get', 200>;
export type Plan = Catalog['data'][number];
export type Price = Plan['prices'][number];
export type PowerState = Catalog['power_states'][number];
export type Image = Answer<'/v1/images', 'get', 200>['data'][number];

export type DomainCreate = Sent<'/v1/domains', 'post'>;
export type Estimate = Answer<'/v1/estimates', 'post', 200>;
export type Domain = Answer<'/v1/domains/{id}', 'get', 200>;
export type DomainPage = Answer<'/v1/domains', 'get', 200>;
export type DomainState = Domain['state'];
export type ActionType = Sent<'/v1/domains/{id}/actions', 'post'>['type'];
export type Metrics = Answer<'/v1/domains/{id}/metrics', 'get', 200>;
export type MeterReading = Answer<'/v1/domains/{id}/meter-readings', 'get', 200>['data'][number];
export type Operation = Answer<'/v1/operations/{id}', 'get', 200>;

export type Limit = Answer<'/v1/limits', 'get', 200>['data'][number];
export type Budget = Answer<'/v1/budgets/{id}', 'get', 200>;
export type BudgetBody = Sent<'/v1/budgets', 'post'>;
export type Bill = Answer<'/v1/billing/current-period', 'get', 200>;
export type BillLine = Bill['lines'][number];
export type Money = Bill['accrued'];
export type Invoice = Answer<'/v1/invoices/{id}', 'get', 200>;
export type InvoiceLine = Invoice['lines'][number];
export type InvoicePage = Answer<'/v1/invoices', 'get', 200>;
export type Derivation = Answer<'/v1/invoice-lines/{id}/derivation', 'get', 200>;
export type FeedEvent = Answer<'/v1/events', 'get', 200>['data'][number];

export type OperatorHost = Answer<'/v1/operator/hosts', 'get', 200>['data'][number];
export type OperatorTenant = Answer<'/v1/operator/tenants', 'get', 200>['data'][number];
export type TenantAccount = Answer<'/v1/operator/tenants/{id}/account', 'get', 200>;
export type OperatorDomain = Answer<'/v1/operator/domains', 'get', 200>['data'][number];
export type OperatorLedger = Answer<'/v1/operator/ledger', 'get', 200>;
