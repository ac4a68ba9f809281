/** A sum on the wire: decimal text and ISO 4217 code. */
export interface MoneyWire {
  amount: string;
  currency: string;
}

/**
 * Every event by its final name, with the shape of its `data`. What must go up the floors of the code goes as one of
 * these; the same objects reach browsers (SSE) and webhooks. Adding a member is safe, renaming one is not.
 */
export interface EventMap {
  'operation.updated': {
    type: string;
    status: string;
    percent: number;
    stage: string | null;
    subject: { type: string; id: string };
    error: Record<string, unknown> | null;
  };
  'domain.created': { name: string; plan_id: string; operation_id: string };
  'domain.state_changed': {
    state: string;
    previous_state: string | null;
    phase?: string;
    holds?: string[];
    /** Why, in one word of the cause's own list (`action`, `budget`, `crash`, ...). */
    reason?: string;
  };
  'domain.crashed': {
    /** `crash` or `watchdog`. */
    reason: string;
    message: string;
    at: string;
    lived_ns: string;
    vcpu: number | null;
    runstate_ns: Record<string, string>;
    /** Oldest first; `answer` is null for the one that ended the domain. */
    hypercalls: { op: string; cmd: string; answer: number | null }[];
    pending_ports: number[];
    memory_frames: number;
    meters: Record<string, string>;
    console_lines: string[];
  };
  'domain.deleted': { name: string };
  'volume.created': { name: string; size_bytes: string; domain_id: string | null };
  'volume.deleted': { name: string };
  'lease.exhausted': { lease_id: string; domain_ids: string[]; policy: string };
  'budget.threshold_reached': { threshold_percent: number; limit: MoneyWire; spent: MoneyWire };
  'limit.breached': {
    /** `budget` or the quota's name. */
    limit: string;
    policy?: string;
    domain_ids?: string[];
    detail?: string;
  };
  'invoice.issued': { number: string; period_start: string; period_end: string; total: MoneyWire };
  'tenant.created': { name: string };
  'api_key.created': { name: string; scopes: string[] };
  'api_key.revoked': { name: string };
  'host.booted': { epoch: number | string };
  'host.frozen': { epoch: number | string; detail: string };
  'reading.conflict': { incarnation: string; seq: number | string; kind: string; detail: string };
}

export type EventType = keyof EventMap;

/** An event as it goes over the wire; `seq` orders all events of the installation. */
export interface EventWire<T extends EventType = EventType> {
  id: string;
  seq: string;
  type: T;
  tenant_id: string | null;
  subject: { type: string; id: string };
  data: EventMap[T];
  created_at: string;
}
