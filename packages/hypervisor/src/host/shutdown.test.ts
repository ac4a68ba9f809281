import { describe, expect, test } from '@jest/globals';
import type { GuestImage } from '../abi/guest.js';
import { IMAGES } from '../guest/images.js';
import { latin1, utf8 } from '../guest/text.js';
import { LIMITS } from '../limits.js';
import { createMemoryHost } from './memory-devices.js';

const MS = 1_000_000n;
const GET = (path: string): Uint8Array => utf8(`GET ${path} HTTP/1.1\r\nhost: shop\r\n\r\n`);

function rig(image: GuestImage = IMAGES.web) {
  const made = createMemoryHost({ pcpus: 2, frames: 1 << 16, xenFrames: 256, seed: 4 });
  const built = made.host.createDomain({ name: 'a', id: 'dom', vcpus: 2, memoryFrames: 100, image });
  if (!built.ok) throw new Error(built.detail);
  const domId = built.value;
  made.host.unpause(domId);
  made.host.run(MS);
  const connect = (): number => made.uplink.connect('dom', 80, LIMITS.uplinkWindowBytes) ?? -1;
  const ended = () => made.host.drainEvents().find((e) => e.type === 'domain.shutdown');
  return { ...made, domId, connect, ended };
}

describe('asking a guest to end', () => {
  test('L5 web finishes the request it has, to the last byte, then powers off; idle connections do not hold it', () => {
    const { host, uplink, domId, connect, ended } = rig();
    const idle = connect();
    uplink.transmit(idle, GET('/stats'));
    const busy = connect();
    uplink.transmit(busy, GET('/burn?ms=30'));
    host.run(10n * MS);
    expect(host.requestShutdown(domId).ok).toBe(true);
    host.run(20n * MS);
    expect(ended()).toBeUndefined();
    host.run(100n * MS);
    expect(ended()).toBeUndefined();
    const answer = latin1(uplink.peers.get(busy)!.received);
    expect(answer).toContain('connection: close');
    expect(answer).toContain('{"burned_ms":30}');
    expect(uplink.peers.get(busy)!.ended).toBe(true);
    host.uplinkClosed(busy, 'end');
    host.run(102n * MS);
    expect(ended()).toMatchObject({ id: 'dom', reason: 'poweroff' });
    host.sample();
  });

  test('L5 web that nobody asks anything powers off at once, wherever its vCPUs sleep', () => {
    const { host, domId, ended } = rig();
    host.run(500n * MS);
    host.drainEvents();
    expect(host.requestShutdown(domId).ok).toBe(true);
    expect(host.requestShutdown(domId).ok).toBe(true);
    host.run(501n * MS);
    expect(ended()).toMatchObject({ reason: 'poweroff' });
    expect(host.requestShutdown(domId)).toMatchObject({ errno: 'EBUSY' });
  });

  test('L5 a guest that does not listen, a held domain, and a domain that is not there are told apart', () => {
    const { host, domId } = rig(IMAGES.busy);
    expect(host.requestShutdown(domId)).toMatchObject({ errno: 'EOPNOTSUPP' });
    host.pause(domId, 'tenant');
    expect(host.requestShutdown(domId)).toMatchObject({ errno: 'EBUSY' });
    expect(host.requestShutdown(1)).toMatchObject({ errno: 'ESRCH' });
    expect(host.requestShutdown(99)).toMatchObject({ errno: 'ESRCH' });
  });

  test('G6 a guest that throws when it is asked to end does not listen, and the host goes on', () => {
    const throwing: GuestImage = {
      name: 'throwing',
      boot: (info) => ({
        ...IMAGES.busy.boot(info),
        requestShutdown: () => {
          throw new Error('gotcha');
        },
      }),
    };
    const { host, domId } = rig(throwing);
    expect(host.requestShutdown(domId)).toMatchObject({ errno: 'EOPNOTSUPP' });
    host.run(10n * MS);
    host.sample();
  });
});
