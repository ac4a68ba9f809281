import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Host } from '@xenorack/hypervisor';
import { ControlPlane } from './control-plane.fixture.js';
import { HostBench, MS_NS, startDomain } from './host-bench.fixture.js';

let bench: HostBench;
beforeEach(() => {
  bench = new HostBench();
});
afterEach(() => bench.close());

/** Ends the guest of `dom_1` as a fault of its own would. */
function crash(host: Host): void {
  const { machine } = host as unknown as {
    machine: {
      domainsById: Map<string, { console: { write(bytes: Uint8Array): void } }>;
      end(domain: unknown, reason: string, message: string): void;
    };
  };
  const domain = machine.domainsById.get('dom_1')!;
  domain.console.write(new TextEncoder().encode('about to fall\n'));
  machine.end(domain, 'crash', 'fell');
}

test('the facts of a crash go to the control plane with the change of state, and are told again after a restart', async () => {
  const plane = new ControlPlane();
  const { server, pass } = await bench.startHost(plane);
  await startDomain(plane);
  pass(50n * MS_NS);
  server.live.act(crash);
  await server.stop();
  const changes = plane.all('domain-changed').filter((event) => event.domain.state === 'crashed');
  expect(changes.length).toBeGreaterThan(0);
  for (const { domain, utcNs } of changes) {
    expect(domain.crash).toMatchObject({
      reason: 'crash',
      message: 'fell',
      utcNs: changes[0]!.utcNs,
      livedNs: String(50n * MS_NS),
      vcpu: null,
      consoleLines: ['about to fall'],
    });
    expect(BigInt(utcNs)).toBeGreaterThanOrEqual(BigInt(domain.crash!.utcNs));
    expect(BigInt(domain.crash!.meters['memory.frame_ns']!)).toBeGreaterThan(0n);
  }
  await bench.startHost(plane);
  expect(plane.last('booted').domains).toMatchObject([
    { domainId: 'dom_1', state: 'crashed', crash: { message: 'fell' } },
  ]);
});
