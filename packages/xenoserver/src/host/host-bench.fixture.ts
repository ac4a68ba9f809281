/** A host whose clocks only move when a test says so, and a tenant's first domain on it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DOMAIN_METERS } from '@xenorack/hypervisor';
import type { LeaseItem } from '../control.js';
import { type ControlPlane, DOMAIN, RUNNING_ITEM, VOLUME } from './control-plane.fixture.js';
import { SECOND_NS } from './live-host.js';
import { XenoServer } from './xenoserver.js';

export const MS_NS = 1_000_000n;
/** A quarter hour of UTC. */
export const QUARTER_UTC_NS = 1_763_800_200_000_000_000n;

/** The hosts of one test, all in one folder. */
export class HostBench {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'xenoserver-'));
  private readonly servers: XenoServer[] = [];

  async close(): Promise<void> {
    for (const server of this.servers) await server.stop();
    rmSync(this.dataDir, { recursive: true });
  }

  /** A host whose clocks move only by `pass`. */
  async startHost(plane: ControlPlane, utcNs = QUARTER_UTC_NS - 60n * SECOND_NS, frames = 65_536) {
    const now = { monotonicNs: 1_000n, utcNs };
    const server = await XenoServer.open(
      {
        hostId: 'host_1',
        dataDir: this.dataDir,
        pcpus: 2,
        frames,
        controlPublicKey: plane.publicKey,
        portRange: { first: 23_300, last: 23_399 },
      },
      (event) => plane.receive(event),
      {
        clock: { monotonicNs: () => now.monotonicNs, utcNs: () => now.utcNs },
        timers: { setTimeout: () => 0, clearTimeout: () => undefined, setImmediate: () => 0 },
      },
    );
    this.servers.push(server);
    plane.send = (command) => server.receive(command);
    server.start();
    const pass = (ns: bigint): void => {
      for (let left = ns; left > 0n; left -= 100n * MS_NS) {
        const stepNs = left < 100n * MS_NS ? left : 100n * MS_NS;
        now.monotonicNs += stepNs;
        now.utcNs += stepNs;
        while (server.live.pacer.turn());
      }
    };
    return { server, pass, now };
  }
}

/** A running domain with one volume under one lease. */
export async function startDomain(
  plane: ControlPlane,
  items: LeaseItem[] = [RUNNING_ITEM],
  authorisedPico?: string,
): Promise<void> {
  await plane.must({ type: 'create-volume', volume: VOLUME });
  await plane.must({ type: 'build-domain', domain: DOMAIN });
  const lease = plane.lease(authorisedPico === undefined ? { items } : { items, authorisedPico });
  await plane.must({ type: 'set-lease', lease });
  await plane.must({ type: 'start-domain', domainId: 'dom_1' });
}

/** Value of `state.running.ns` in a reading. */
export function runningNs(values: readonly string[]): bigint {
  return BigInt(values[DOMAIN_METERS.indexOf('state.running.ns')]!);
}

/** Value of `memory.frame_ns` in a reading. */
export function memoryFrameNs(values: readonly string[]): bigint {
  return BigInt(values[DOMAIN_METERS.indexOf('memory.frame_ns')]!);
}
