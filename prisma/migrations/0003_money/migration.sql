-- Money: plans, budgets, leases, invoices and the ledger. Amounts are 10^-12 of a currency unit, numeric(38,0).

CREATE TABLE plan (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  description text NOT NULL,
  position int NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Immutable and bi-temporal: `valid` is when the prices apply, `known` is when we held them to be true.
CREATE TABLE plan_version (
  id text PRIMARY KEY,
  plan_id text NOT NULL REFERENCES plan (id),
  version int NOT NULL,
  currency char(3) NOT NULL,
  content jsonb NOT NULL,
  valid tstzrange NOT NULL,
  known tstzrange NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (plan_id, version),
  EXCLUDE USING gist (plan_id WITH =, valid WITH &&, known WITH &&)
);
CREATE FUNCTION refuse_plan_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (OLD.id, OLD.plan_id, OLD.version, OLD.currency, OLD.content, lower(OLD.valid), lower(OLD.known))
     IS DISTINCT FROM (NEW.id, NEW.plan_id, NEW.version, NEW.currency, NEW.content, lower(NEW.valid), lower(NEW.known)) THEN
    RAISE EXCEPTION 'plan version % is published and can not change', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER plan_version_immutable BEFORE UPDATE OR DELETE ON plan_version
  FOR EACH ROW EXECUTE FUNCTION refuse_plan_edit();

ALTER TABLE domain ADD FOREIGN KEY (plan_version_id) REFERENCES plan_version (id);

-- Which plan version prices a resource over which span of labels.
CREATE TABLE plan_assignment (
  resource_id text NOT NULL,
  tenant_id text NOT NULL REFERENCES tenant (id),
  plan_version_id text NOT NULL REFERENCES plan_version (id),
  from_utc_ns bigint NOT NULL,
  to_utc_ns bigint,
  PRIMARY KEY (resource_id, from_utc_ns),
  EXCLUDE USING gist (resource_id WITH =, int8range(from_utc_ns, to_utc_ns) WITH &&)
);
CREATE INDEX plan_assignment_by_tenant ON plan_assignment (tenant_id);

-- Money side of a tenant: how far it may go without a budget, and its tax.
CREATE TABLE tenant_terms (
  tenant_id text PRIMARY KEY REFERENCES tenant (id),
  credit_limit_pico numeric(38, 0) NOT NULL CHECK (credit_limit_pico >= 0),
  tax_permille int NOT NULL DEFAULT 0 CHECK (tax_permille BETWEEN 0 AND 1000),
  issuer_id text NOT NULL
);

-- Test clock: jumps of a test tenant, append-only, one row per host because each host cuts at its own instant.
CREATE TABLE tenant_clock (
  tenant_id text NOT NULL REFERENCES tenant (id),
  jump int NOT NULL,
  -- '' is the control plane's own row.
  host_id text NOT NULL,
  from_utc_ns bigint NOT NULL,
  offset_ns bigint NOT NULL,
  PRIMARY KEY (tenant_id, jump, host_id)
);
CREATE TRIGGER tenant_clock_append_only BEFORE UPDATE OR DELETE ON tenant_clock
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE budget (
  id text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  amount_pico numeric(38, 0) NOT NULL CHECK (amount_pico >= 0),
  currency char(3) NOT NULL,
  policy text NOT NULL CHECK (policy IN ('alert', 'throttle', 'pause')),
  thresholds_percent int[] NOT NULL,
  -- Thresholds that fired in the period that starts at fired_period_ns: each fires once per crossing.
  fired_percent int[] NOT NULL DEFAULT '{}',
  fired_period_ns bigint NOT NULL DEFAULT 0,
  version int NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX budget_by_tenant ON budget (tenant_id);

-- A lease series: money a host may still spend for a tenant, in cumulative form.
CREATE TABLE lease (
  id text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id),
  host_id text NOT NULL REFERENCES host (id),
  epoch int NOT NULL,
  generation int NOT NULL,
  -- Cut at which the series starts; null until the host has taken it.
  since_utc_ns bigint,
  period_start_ns bigint NOT NULL,
  items jsonb NOT NULL,
  policy text NOT NULL CHECK (policy IN ('alert', 'throttle', 'pause')),
  -- The most the host may have been told; a lower total counts only once the host has confirmed it.
  authorised_pico numeric(38, 0) NOT NULL CHECK (authorised_pico >= 0),
  sent_pico numeric(38, 0) NOT NULL CHECK (sent_pico >= 0),
  drawn_pico numeric(38, 0) NOT NULL DEFAULT 0 CHECK (drawn_pico >= 0),
  state text NOT NULL CHECK (state IN ('active', 'exhausted', 'unconfirmed', 'settled')),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX lease_one_series ON lease (tenant_id, host_id) WHERE state IN ('active', 'exhausted');
CREATE INDEX lease_by_tenant ON lease (tenant_id, created_at);

CREATE TABLE issuer (
  id text PRIMARY KEY,
  name text NOT NULL,
  prefix text NOT NULL,
  next_number bigint NOT NULL DEFAULT 1
);
ALTER TABLE tenant_terms ADD FOREIGN KEY (issuer_id) REFERENCES issuer (id);

CREATE TABLE invoice (
  id text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id),
  issuer_id text NOT NULL REFERENCES issuer (id),
  number text NOT NULL,
  period_start_ns bigint NOT NULL,
  period_end_ns bigint NOT NULL,
  currency char(3) NOT NULL,
  net_minor numeric(38, 0) NOT NULL,
  tax_minor numeric(38, 0) NOT NULL,
  total_minor numeric(38, 0) NOT NULL,
  -- Canonical JSON of the whole invoice with the derivation of each line; content_hash is its SHA-256.
  content text NOT NULL,
  content_hash bytea NOT NULL,
  issued_at timestamptz NOT NULL,
  UNIQUE (tenant_id, period_start_ns),
  UNIQUE (issuer_id, number)
);
CREATE TRIGGER invoice_frozen BEFORE UPDATE OR DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TABLE invoice_line (
  id text PRIMARY KEY,
  invoice_id text NOT NULL REFERENCES invoice (id),
  position int NOT NULL,
  UNIQUE (invoice_id, position)
);
CREATE TRIGGER invoice_line_frozen BEFORE UPDATE OR DELETE ON invoice_line
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE ledger_account (
  id text PRIMARY KEY,
  tenant_id text REFERENCES tenant (id),
  kind text NOT NULL,
  currency char(3) NOT NULL
);
CREATE UNIQUE INDEX ledger_account_once ON ledger_account (coalesce(tenant_id, ''), kind, currency);
CREATE TABLE ledger_transaction (
  id text PRIMARY KEY,
  cause text NOT NULL UNIQUE,
  body_hash bytea NOT NULL,
  description text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ledger_entry (
  id text PRIMARY KEY,
  transaction_id text NOT NULL REFERENCES ledger_transaction (id),
  account_id text NOT NULL REFERENCES ledger_account (id),
  -- Debit positive, credit negative.
  amount_pico numeric(38, 0) NOT NULL CHECK (amount_pico <> 0)
);
CREATE INDEX ledger_entry_by_account ON ledger_entry (account_id, id);
CREATE INDEX ledger_entry_by_transaction ON ledger_entry (transaction_id);

CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT a.currency, sum(e.amount_pico) AS off INTO bad
    FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
   WHERE e.transaction_id = NEW.transaction_id GROUP BY a.currency HAVING sum(e.amount_pico) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'ledger transaction % is off by % pico %', NEW.transaction_id, bad.off, bad.currency
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transaction_append_only BEFORE UPDATE OR DELETE ON ledger_transaction
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
