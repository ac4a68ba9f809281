-- Hosting: hosts, domains, volumes, the durable command queue of a host, incarnations, readings and cuts.
-- Integers of time are UTC or host nanoseconds (int8 lasts until 2262); counters are numeric(39,0), because one GiB of
-- frame-nanoseconds passes int8 in ten hours.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE host (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  location text NOT NULL,
  pcpus int NOT NULL CHECK (pcpus BETWEEN 1 AND 256),
  frames_total int NOT NULL CHECK (frames_total > 0),
  -- Frames that may be sold; the rest is Xen's and the driver domains'.
  frames_sellable int NOT NULL CHECK (frames_sellable BETWEEN 0 AND frames_total),
  frames_claimed int NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'down' CHECK (state IN ('up', 'down', 'frozen')),
  cordoned boolean NOT NULL DEFAULT false,
  epoch int,
  figures jsonb,
  last_seen_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT host_frames_claimed_fit CHECK (frames_claimed BETWEEN 0 AND frames_sellable)
);

-- One boot of a host. Readings of an epoch are verified with the key it announced.
CREATE TABLE host_epoch (
  host_id text NOT NULL REFERENCES host (id),
  epoch int NOT NULL,
  public_key text NOT NULL,
  boot_utc_ns bigint NOT NULL,
  PRIMARY KEY (host_id, epoch)
);

-- Commands to hosts. The row is the truth; Redis only says "look".
CREATE TABLE host_command (
  id text PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  host_id text NOT NULL REFERENCES host (id),
  command jsonb NOT NULL,
  -- A job to run again when the command is done: {name, payload}.
  then_job jsonb,
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'succeeded', 'failed')),
  result jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz
);
CREATE INDEX host_command_queued ON host_command (host_id, position) WHERE status = 'queued';

CREATE TABLE domain (
  id text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  image text NOT NULL,
  phase text NOT NULL CHECK (phase IN ('provisioning', 'ready', 'deleting', 'deleted', 'failed')),
  state text NOT NULL DEFAULT 'halted' CHECK (state IN ('running', 'paused', 'halted', 'crashed')),
  state_reason text NOT NULL DEFAULT '',
  host_id text REFERENCES host (id),
  plan_version_id text NOT NULL,
  vcpus int NOT NULL,
  weight int NOT NULL,
  cap int NOT NULL,
  memory_frames int NOT NULL,
  ports jsonb NOT NULL DEFAULT '[]',
  landing_reserve_pico numeric(38, 0) NOT NULL DEFAULT 0 CHECK (landing_reserve_pico >= 0),
  -- The operation that is changing this domain now; one at a time.
  operation_id text,
  incarnation_id text,
  version int NOT NULL DEFAULT 1,
  started_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE UNIQUE INDEX domain_name_once ON domain (tenant_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX domain_by_tenant ON domain (tenant_id, id);
CREATE INDEX domain_by_host ON domain (host_id) WHERE deleted_at IS NULL;

-- Holds are a set: a domain runs only when none is left.
CREATE TABLE hold (
  domain_id text NOT NULL REFERENCES domain (id),
  cause text NOT NULL CHECK (cause IN ('tenant', 'operator', 'billing')),
  detail text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_id, cause)
);

CREATE TABLE volume (
  id text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  bytes bigint NOT NULL CHECK (bytes > 0),
  host_id text REFERENCES host (id),
  domain_id text REFERENCES domain (id),
  state text NOT NULL CHECK (state IN ('provisioning', 'present', 'deleting', 'deleted', 'failed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE INDEX volume_by_tenant ON volume (tenant_id, id);
CREATE INDEX volume_by_domain ON volume (domain_id);

-- One life of a metered resource on one host. The head is kept for ever; every hop sets it, none adds.
CREATE TABLE incarnation (
  id text PRIMARY KEY,
  host_id text NOT NULL REFERENCES host (id),
  epoch int NOT NULL,
  resource_kind text NOT NULL CHECK (resource_kind IN ('domain', 'volume')),
  resource_id text NOT NULL,
  tenant_id text NOT NULL REFERENCES tenant (id),
  vector int NOT NULL,
  opened_utc_ns bigint NOT NULL,
  closed_utc_ns bigint,
  -- `close` (final reading), or `lost` (the host's epoch ended without one; the tail is the provider's).
  closed_how text CHECK (closed_how IN ('close', 'lost')),
  head_seq bigint NOT NULL,
  head_utc_ns bigint NOT NULL,
  head_host_ns bigint NOT NULL,
  head_state text NOT NULL,
  head_values numeric(39, 0)[] NOT NULL CHECK (0 <= ALL (head_values)),
  head_hash bytea NOT NULL,
  cut_utc_ns bigint NOT NULL,
  CHECK ((closed_utc_ns IS NULL) = (closed_how IS NULL))
);
CREATE INDEX incarnation_by_tenant ON incarnation (tenant_id, resource_id);
CREATE INDEX incarnation_open ON incarnation (host_id, epoch) WHERE closed_utc_ns IS NULL;
-- Two lives of one resource never overlap: nothing is counted twice after a hand-off or a restart.
ALTER TABLE incarnation ADD CONSTRAINT incarnation_lives_apart
  EXCLUDE USING gist (resource_id WITH =, int8range(opened_utc_ns, closed_utc_ns) WITH &&);

-- Every reading, in time order. Inner readings feed the live view and may be dropped later; cuts live below.
CREATE TABLE reading (
  incarnation_id text NOT NULL,
  seq bigint NOT NULL,
  utc_ns bigint NOT NULL,
  host_ns bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('open', 'inner', 'cut', 'close')),
  state text NOT NULL,
  reason text NOT NULL,
  values numeric(39, 0)[] NOT NULL,
  prev bytea NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (incarnation_id, seq, utc_ns)
) PARTITION BY RANGE (utc_ns);
CREATE TABLE reading_default PARTITION OF reading DEFAULT;

-- Window edges: usage is the difference of neighbouring cuts.
CREATE TABLE cut (
  incarnation_id text NOT NULL REFERENCES incarnation (id),
  seq bigint NOT NULL,
  utc_ns bigint NOT NULL,
  host_ns bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('open', 'cut', 'close')),
  state text NOT NULL,
  reason text NOT NULL,
  values numeric(39, 0)[] NOT NULL CHECK (0 <= ALL (values)),
  hash bytea NOT NULL,
  PRIMARY KEY (incarnation_id, seq)
);
CREATE INDEX cut_in_time ON cut (incarnation_id, utc_ns);

-- Merkle blocks as received; the signature is the host's word for every reading in them.
CREATE TABLE reading_batch (
  host_id text NOT NULL,
  epoch int NOT NULL,
  batch bigint NOT NULL,
  readings int NOT NULL,
  root bytea NOT NULL,
  signature bytea NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, epoch, batch)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER cut_append_only BEFORE UPDATE OR DELETE ON cut FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Ceilings on things held. A claim names what it is for, so releasing twice changes nothing.
CREATE TABLE quota (
  tenant_id text NOT NULL REFERENCES tenant (id),
  name text NOT NULL CHECK (name IN ('domains', 'vcpus', 'memory_mib', 'disk_mib')),
  ceiling bigint NOT NULL CHECK (ceiling >= 0),
  used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  version int NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, name)
);
CREATE TABLE quota_claim (
  tenant_id text NOT NULL,
  name text NOT NULL,
  subject_id text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  state text NOT NULL CHECK (state IN ('reserved', 'used')),
  PRIMARY KEY (tenant_id, name, subject_id),
  FOREIGN KEY (tenant_id, name) REFERENCES quota (tenant_id, name)
);
