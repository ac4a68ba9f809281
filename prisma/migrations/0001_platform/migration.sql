-- Users and sessions (better-auth), tenants, and what every part of the API stands on.

CREATE TABLE auth_user (
  id text PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL,
  email_verified boolean NOT NULL DEFAULT false,
  image text,
  operator_role text CHECK (operator_role IN ('operator', 'finance', 'support')),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX auth_user_email_key ON auth_user (email);

CREATE TABLE auth_session (
  id text PRIMARY KEY,
  expires_at timestamptz(3) NOT NULL,
  token text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  ip_address text,
  user_agent text,
  user_id text NOT NULL REFERENCES auth_user (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX auth_session_token_key ON auth_session (token);
CREATE INDEX auth_session_user_id_idx ON auth_session (user_id);

CREATE TABLE auth_account (
  id text PRIMARY KEY,
  account_id text NOT NULL,
  provider_id text NOT NULL,
  user_id text NOT NULL REFERENCES auth_user (id) ON UPDATE CASCADE ON DELETE CASCADE,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz(3),
  refresh_token_expires_at timestamptz(3),
  scope text,
  password text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX auth_account_user_id_idx ON auth_account (user_id);

CREATE TABLE auth_verification (
  id text PRIMARY KEY,
  identifier text NOT NULL,
  value text NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX auth_verification_identifier_idx ON auth_verification (identifier);

CREATE TABLE tenant (
  id text PRIMARY KEY,
  name text NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  time_zone text NOT NULL,
  mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'test')),
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE member (
  tenant_id text NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE RESTRICT,
  user_id text NOT NULL REFERENCES auth_user (id) ON UPDATE CASCADE ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'billing', 'viewer')),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX member_user_id_idx ON member (user_id);

CREATE TABLE api_key (
  id text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id) ON UPDATE CASCADE ON DELETE RESTRICT,
  name text NOT NULL,
  digest bytea NOT NULL,
  prefix text NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write']),
  created_by text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at timestamptz(3)
);
CREATE UNIQUE INDEX api_key_digest_key ON api_key (digest);
CREATE INDEX api_key_tenant_id_id_idx ON api_key (tenant_id, id);

-- Events. seq is given by the relay after the commit: a serial column would follow the order of the inserts,
-- and a reader that has seen 7 could miss a 6 that commits later.
CREATE TABLE outbox_event (
  id text PRIMARY KEY,
  seq bigint,
  tenant_id text,
  type text NOT NULL,
  subject_type text NOT NULL,
  subject_id text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX outbox_event_seq_key ON outbox_event (seq);
CREATE INDEX outbox_event_tenant_id_seq_idx ON outbox_event (tenant_id, seq);
CREATE INDEX outbox_event_pending ON outbox_event (id) WHERE seq IS NULL;

CREATE TABLE outbox_counter (
  id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  last_seq bigint NOT NULL DEFAULT 0
);
INSERT INTO outbox_counter DEFAULT VALUES;

CREATE TABLE event_delivery (
  seq bigint NOT NULL,
  listener text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz(3) NOT NULL DEFAULT now(),
  last_error text,
  PRIMARY KEY (listener, seq)
);

CREATE TABLE job (
  id text PRIMARY KEY,
  name text NOT NULL,
  payload jsonb NOT NULL,
  key text,
  status text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'queued', 'running', 'done', 'failed')),
  run_at timestamptz(3) NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  error text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  queued_at timestamptz(3),
  finished_at timestamptz(3)
);
CREATE INDEX job_name_status_idx ON job (name, status);
CREATE INDEX job_requested ON job (id) WHERE status = 'requested';
CREATE INDEX job_queued ON job (queued_at) WHERE status IN ('queued', 'running');
-- A job that waits takes in a second request of the same key; one that runs does not, for it may have read already.
CREATE UNIQUE INDEX job_waiting_key ON job (name, key) WHERE key IS NOT NULL AND status IN ('requested', 'queued');

CREATE TABLE idempotency_key (
  scope text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status integer NOT NULL,
  body text,
  headers jsonb NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_key_expires_at_idx ON idempotency_key (expires_at);

CREATE TABLE operation (
  id text PRIMARY KEY,
  tenant_id text,
  type text NOT NULL,
  subject_type text NOT NULL,
  subject_id text NOT NULL,
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  percent integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
  stage text,
  actor jsonb NOT NULL,
  cancellable boolean NOT NULL DEFAULT false,
  error jsonb,
  cost_effect jsonb,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3)
);
CREATE INDEX operation_tenant_id_id_idx ON operation (tenant_id, id);
CREATE INDEX operation_subject_type_subject_id_id_idx ON operation (subject_type, subject_id, id);

CREATE TABLE audit_entry (
  id text PRIMARY KEY,
  tenant_id text,
  action text NOT NULL,
  subject_type text NOT NULL,
  subject_id text NOT NULL,
  actor_kind text NOT NULL,
  user_id text,
  key_id text,
  request_id text NOT NULL,
  ip text NOT NULL,
  before jsonb,
  after jsonb,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX audit_entry_tenant_id_id_idx ON audit_entry (tenant_id, id);

-- The trail is only ever added to.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% rows are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
