// What taking readings into the database costs beside the fastest way PostgreSQL has to take the same rows.
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import copy from 'pg-copy-streams';
import { HostStore } from '../../../apps/api/dist/hosts/host.store.js';
import { VerifyBatch } from '../../../apps/api/dist/hosts/verify-batch.js';
import { IngestReadings } from '../../../apps/api/dist/metering/ingest-readings.js';
import { ReadingStore } from '../../../apps/api/dist/metering/reading.store.js';
import { Database } from '../../../apps/api/dist/platform/database.js';
import { Outbox } from '../../../apps/api/dist/platform/outbox.js';
import { UnitOfWork } from '../../../apps/api/dist/platform/unit-of-work.js';
import { interleavedRatio } from '../measure.mjs';
import { createFleet } from '../load/fleet.mjs';

const secondNs = 1_000_000_000n;
/** One reading in a hundred is a cut; in a product that cuts each quarter hour it is one in 900. */
const readingsPerCut = 100;
const connections = 4;

/**
 * Both sides take the same readings in batches of one reading per domain, one transaction per batch, over the same
 * number of connections, into the same table of two databases on one server. What both get is made beforehand.
 */
export async function ingestVsCopy({ isSmall, createDatabase }) {
  const size = { tenants: connections, domainsPerTenant: isSmall ? 25 : 1_000, hosts: connections };
  const batches = isSmall ? 2 : 10;
  const [own, bare] = [await createDatabase(), await createDatabase()];
  const database = new Database({ databaseUrl: own.url });
  const clients = await Promise.all(Array.from({ length: connections }, () => connect(bare.url)));
  try {
    const { hosts } = await createFleet(own.url, size);
    const trusting = ingestOf(database, { check: async () => {} });
    const verifying = ingestOf(database, new VerifyBatch(new HostStore(database)));
    const clock = { utcNs: BigInt(Date.now()) * 1_000_000n };
    const nextRound = () => roundOf(hosts, clock, batches);
    const count = batches * connections * size.domainsPerTenant;
    const rate = async (work) => {
      const startedMs = performance.now();
      await work();
      return (count * 1_000) / (performance.now() - startedMs);
    };

    // Opens every incarnation and warms both sides up.
    let round = nextRound();
    await ingestRound(trusting, round);
    await copyRound(clients, textsOf(round), 1);
    const taken = { subject: 0, baseline: 0 };
    /** Both sides get the same rounds; the next one is made, untimed, for whoever is first to want it. */
    const next = (side) => {
      if (taken.subject === taken.baseline) round = nextRound();
      taken[side] += 1;
      return round;
    };
    const measured = await interleavedRatio({
      rounds: isSmall ? 5 : 7,
      subject: async () => {
        const mine = next('subject');
        return rate(() => ingestRound(trusting, mine));
      },
      baseline: async () => {
        const texts = textsOf(next('baseline'));
        return rate(() => copyRound(clients, texts, 1));
      },
    });
    await expectSameRows(database.pool, clients[0]);
    round = nextRound();
    const texts = textsOf(round);
    const wholeCopy = await rate(() => copyRound(clients, texts, batches));
    const verified = await rate(() => ingestRound(verifying, round));
    return {
      name: 'accounting.ingest_vs_copy',
      value: measured.ratio,
      unit: 'ratio',
      baseline: 'COPY of the same rows into the same indexed table, a commit per batch too',
      goal: 0.4,
      better: 'higher',
      detail: {
        readings_per_s: Math.round(measured.subject),
        copied_per_s: Math.round(measured.baseline),
        copied_per_s_one_commit_per_connection: Math.round(wholeCopy),
        readings_per_s_with_hashes_and_signature: Math.round(verified),
        batch: size.domainsPerTenant,
        connections,
        ratios: measured.ratios,
      },
    };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
    await database.onApplicationShutdown();
    await own.drop();
    await bare.drop();
  }
}

/** Each host's batches in order, the hosts at the same time. */
async function ingestRound(ingester, round) {
  await Promise.all(
    round.map(async (queue) => {
      for (const batch of queue) await ingester.ingest(batch, 'refuse');
    }),
  );
}

function ingestOf(database, verify) {
  return new IngestReadings(new ReadingStore(database), verify, new UnitOfWork(database), new Outbox());
}

async function connect(connectionString) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

/** A queue of batches per host, a second apart. */
function roundOf(hosts, clock, batches) {
  const queues = hosts.map(() => []);
  for (let at = 0; at < batches; at += 1) {
    clock.utcNs += secondNs;
    hosts.forEach((host, place) =>
      queues[place].push(host.takeBatch(clock.utcNs, (index) => (index + at) % readingsPerCut === 0)),
    );
  }
  return queues;
}

function textsOf(round) {
  return round.map((queue) => queue.map(({ readings }) => readings.map(copyLine).join('')));
}

function copyLine({ incarnation, seq, utcNs, hostNs, kind, state, reason, values, prev, hash }) {
  return `${incarnation}\t${seq}\t${utcNs}\t${hostNs}\t${kind}\t${state}\t${reason}\t{${values}}\t\\\\x${prev}\t\\\\x${hash}\n`;
}

/** Copies one text at a time per connection; `together` texts in one COPY. */
async function copyRound(clients, texts, together) {
  await Promise.all(
    clients.map(async (client, place) => {
      const queue = texts[place];
      for (let at = 0; at < queue.length; at += together) {
        const into = client.query(
          copy.from(
            'COPY reading (incarnation_id, seq, utc_ns, host_ns, kind, state, reason, values, prev, hash) FROM STDIN',
          ),
        );
        await pipeline(Readable.from([queue.slice(at, at + together).join('')]), into);
      }
    }),
  );
}

/** Both databases must hold the same readings, or one side did less work. */
async function expectSameRows(...databases) {
  const text = `SELECT count(*)::int AS rows, md5(string_agg(encode(hash, 'hex'), '' ORDER BY hash)) AS digest FROM reading`;
  const [own, bare] = await Promise.all(databases.map(async (each) => (await each.query(text)).rows[0]));
  if (own.rows === 0 || own.digest !== bare.digest)
    throw new Error(`ingest stored ${own.rows} readings and COPY ${bare.rows}, or not the same ones`);
}
