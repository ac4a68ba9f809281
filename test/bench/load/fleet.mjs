// Tenants with domains on hosts that are played by a bench: rows as the product would have made them.
import { createHash, randomBytes } from 'node:crypto';
import { encodePlanVersion } from '@xenorack/accounting';
import pg from 'pg';
import { demoPlanVersions } from '../../../apps/api/dist/demo/demo-plans.js';
import { newId } from '../../../apps/api/dist/platform/ids.js';
import { PlayedHost } from './played-host.mjs';

const framesPerDomain = 16_384;

/**
 * Fills a migrated database, empty or seeded with the demo.
 * @param {string} databaseUrl
 * @param {{ tenants: number, domainsPerTenant: number, hosts: number }} size Domains are dealt out to hosts in turn.
 * @returns {Promise<{ tenants: { id: string, apiKey: string, domainIds: string[] }[], hosts: PlayedHost[] }>}
 */
export async function createFleet(databaseUrl, { tenants: tenantCount, domainsPerTenant, hosts: hostCount }) {
  const hosts = Array.from({ length: hostCount }, () => new PlayedHost(newId('hst')));
  const tenants = Array.from({ length: tenantCount }, () => ({
    id: newId('ten'),
    apiKey: `xr_${randomBytes(32).toString('base64url')}`,
    domainIds: Array.from({ length: domainsPerTenant }, () => newId('dom')),
  }));
  const domains = tenants.flatMap(({ id, domainIds }) =>
    domainIds.map((domainId) => ({ domainId, tenantId: id })),
  );
  domains.forEach((domain, at) => {
    domain.host = hosts[at % hostCount];
    domain.host.addDomain(domain.domainId, domain.tenantId, framesPerDomain);
  });
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await insertPlan(client);
    await insertHosts(client, hosts);
    await insertTenants(client, tenants);
    await insertDomains(client, domains);
    await client.query('COMMIT');
    await client.query('ANALYZE');
  } finally {
    await client.end();
  }
  return { tenants, hosts };
}

const planVersion = demoPlanVersions(0n)[0];

async function insertPlan(client) {
  const { planId, planVersionId, name, currency } = planVersion;
  const rows = [
    [
      `INSERT INTO issuer (id, name, prefix) VALUES ('issuer_test', 'Bench', 'BENCH-') ON CONFLICT DO NOTHING`,
      [],
    ],
    [
      `INSERT INTO plan (id, name, description, position) VALUES ($1, $2, '', 0) ON CONFLICT DO NOTHING`,
      [planId, name],
    ],
    [
      `INSERT INTO plan_version (id, plan_id, version, currency, content, valid, known)
       VALUES ($1, $2, 1, $3, $4, tstzrange('1970-01-01', NULL), tstzrange('1970-01-01', NULL)) ON CONFLICT DO NOTHING`,
      [planVersionId, planId, currency, JSON.stringify(encodePlanVersion(planVersion))],
    ],
  ];
  for (const [text, values] of rows) await client.query(text, values);
}

async function insertHosts(client, hosts) {
  for (const host of hosts) {
    const frames = host.incarnations.length * framesPerDomain;
    await client.query(
      `INSERT INTO host (id, name, location, pcpus, frames_total, frames_sellable, frames_claimed, state, epoch)
       VALUES ($1, $1, 'Bench', 64, $2, $2, $2, 'up', $3)`,
      [host.hostId, frames, host.epoch],
    );
    await client.query(
      'INSERT INTO host_epoch (host_id, epoch, public_key, boot_utc_ns) VALUES ($1, $2, $3, $4)',
      [host.hostId, host.epoch, host.publicKey, host.bootUtcNs.toString()],
    );
  }
}

async function insertTenants(client, tenants) {
  const ids = tenants.map(({ id }) => id);
  await client.query(
    `INSERT INTO tenant (id, name, currency, time_zone) SELECT id, id, 'EUR', 'Europe/Berlin' FROM unnest($1::text[]) AS t (id)`,
    [ids],
  );
  await client.query(
    `INSERT INTO tenant_terms (tenant_id, credit_limit_pico, issuer_id)
     SELECT id, 1000000000000000, 'issuer_test' FROM unnest($1::text[]) AS t (id)`,
    [ids],
  );
  const digests = tenants.map(({ apiKey }) => createHash('sha256').update(apiKey).digest());
  await client.query(
    `INSERT INTO api_key (id, tenant_id, name, digest, prefix, scopes)
     SELECT key, tenant, 'bench', digest, 'xr_bench', '{read,write}'
       FROM unnest($1::text[], $2::text[], $3::bytea[]) AS k (key, tenant, digest)`,
    [tenants.map(() => newId('key')), ids, digests],
  );
}

async function insertDomains(client, domains) {
  const columns = [
    domains.map(({ domainId }) => domainId),
    domains.map(({ tenantId }) => tenantId),
    domains.map(({ host }) => host.hostId),
  ];
  await client.query(
    `INSERT INTO domain (id, tenant_id, name, image, phase, state, host_id, plan_version_id, vcpus, weight, cap, memory_frames)
     SELECT id, tenant, id, 'web', 'ready', 'running', host, $4, 1, 256, 0, ${framesPerDomain}
       FROM unnest($1::text[], $2::text[], $3::text[]) AS d (id, tenant, host)`,
    [...columns, planVersion.planVersionId],
  );
  await client.query(
    `INSERT INTO plan_assignment (resource_id, tenant_id, plan_version_id, from_utc_ns)
     SELECT id, tenant, $3, 0 FROM unnest($1::text[], $2::text[]) AS d (id, tenant)`,
    [columns[0], columns[1], planVersion.planVersionId],
  );
}
