import { describe, expect, test } from '@jest/globals';
import { CPU_MODEL } from '../../abi/cpu-model.js';
import type { GuestImage } from '../../abi/guest.js';
import { XS_PAGE } from '../../abi/xs-wire.js';
import { Prng } from '../../base/prng.js';
import { coroutineGuest } from '../../guest/coroutine.js';
import { IMAGES } from '../../guest/images.js';
import type { TaskRoutine } from '../../guest/kernel.js';
import { MS, program, rig, text } from './store-programs.fixture.js';

describe('who pays, and who is hurt', () => {
  test('X12 what a guest asks of the store is charged to it on behalf, exactly, and to nobody else', () => {
    const { host, start, meter } = rig();
    const asker = program(function* (client) {
      for (let i = 0; i < 100; i += 1) yield* client.read('data');
    });
    start('asker', asker);
    start('idle', IMAGES.idle);
    host.run(50n * MS);
    const { requests, turns } = host['machine'].xenstore;
    expect(requests).toBe(100);
    // At most one more for each answer it took, and one for a ring that came when all was done.
    expect(turns).toBeLessThanOrEqual(300);
    const { kickNs, requestNs, nodeNs, perKibNs } = CPU_MODEL.xenstore;
    const asked = 100n * (kickNs + requestNs + nodeNs + perKibNs);
    const looks = BigInt(turns - requests) * kickNs;
    expect(meter('asker', 1)).toBe(asked + looks + BigInt(turns) * CPU_MODEL.guestExitNs);
    expect(meter('idle', 1)).toBe(0n);
    host.sample();
  });

  test('X10 a guest that scribbles over its page loses its connection; its neighbour goes on, the books close', () => {
    const { host, start, listing } = rig();
    const pages: Uint8Array[] = [];
    const vandal: GuestImage = {
      name: 'vandal',
      boot: (info) =>
        coroutineGuest(function* () {
          const prng = new Prng(info.seed);
          pages.push(info.xenstore.page);
          for (let i = 0; ; i += 1) {
            for (let n = 0; n < 8; n += 1) info.xenstore.page[prng.below(2080)] = prng.below(256);
            // Later it does not ask to begin anew any more.
            if (i % 16 === 0 && i < 64)
              new DataView(info.xenstore.page.buffer, info.xenstore.page.byteOffset).setUint32(
                XS_PAGE.connection,
                1,
                true,
              );
            yield {
              do: 'hypercall',
              call: { op: 'event_channel_op', cmd: 'send', port: info.xenstore.port },
            };
            yield { do: 'work', ns: 20_000 };
          }
        }),
    };
    const vandalId = start('vandal', vandal);
    const good = start(
      'good',
      program(function* (client) {
        for (let i = 0; i < 200; i += 1) {
          yield* client.write('data/i', String(i));
          const back = text(yield* client.read('data/i'));
          if (back !== String(i)) throw new Error(`read ${back}`);
        }
      }),
    );
    host.run(100n * MS);
    expect(listing(`/local/domain/${good}/data/i`)[0]).toContain('= 199 ');
    expect(host.list().filter((d) => d.power !== 'running')).toEqual([]);
    expect(host['machine'].xenstore.connectionOf(vandalId)?.closedBecause).not.toBeNull();
    host.sample();
  });

  test('X12 a store kept busy by one domain answers another within a few turns', () => {
    const { host, start } = rig();
    const flood = program(function* (client, kernel) {
      for (let i = 0; i < 8; i += 1)
        kernel.spawn(
          (function* (): TaskRoutine {
            for (let n = 0; ; n += 1) yield* client.write(`data/${i}`, 'x'.repeat(n % 900));
          })(),
        );
    });
    for (const id of ['f1', 'f2', 'f3']) start(id, flood);
    const tookNs: bigint[] = [];
    start(
      'polite',
      program(function* (client, kernel) {
        for (let i = 0; i < 30; i += 1) {
          yield { do: 'block', untilNs: kernel.info.systemTimeNs() + 2n * MS };
          const from = kernel.info.systemTimeNs();
          yield* client.read('name');
          tookNs.push(kernel.info.systemTimeNs() - from);
        }
      }),
    );
    host.run(200n * MS);
    expect(tookNs).toHaveLength(30);
    const sorted = [...tookNs].sort((a, b) => Number(a - b));
    expect(sorted[15]).toBeLessThan(2n * MS);
    host.sample();
  });
});
