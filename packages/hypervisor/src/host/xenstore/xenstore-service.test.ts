import { describe, expect, test } from '@jest/globals';
import { xsText } from '../../abi/xs-wire.js';
import { Prng } from '../../base/prng.js';
import { IMAGES } from '../../guest/images.js';
import { obeyShutdown } from '../../guest/xenstore-client.js';
import type { Watch, Watcher } from '../../xenstore/watches.js';
import { MS, program, rig, text } from './store-programs.fixture.js';

class Listener implements Watcher {
  readonly heard: string[] = [];
  readonly domId = 0;
  fire(_watch: Watch, path: string): void {
    this.heard.push(path);
  }
}

describe('what the toolstack writes', () => {
  test('X13 a domain is built with its home and /vm, readable by it, with nodes of its own to write', () => {
    const { host, build, listing } = rig();
    const d = build('shop.1', IMAGES.idle, {
      vcpusMax: 2,
      memoryFramesMax: 128,
      commandLine: 'root=\u00e9\n',
    });
    const home = `/local/domain/${d}`;
    const store = listing(`${home}/store`);
    expect(store[1]).toMatch(new RegExp(`^${home}/store/port = [1-9][0-9]* \\(n0,r${d}\\)$`));
    expect(store[2]).toMatch(new RegExp(`^${home}/store/ring-ref = [1-9][0-9]* \\(n0,r${d}\\)$`));
    const read = (path: string, value: string, perms = `n0,r${d}`): void =>
      expect(listing(path)[0]).toBe(`${path} = ${value} (${perms})`);
    read(home, '');
    read(`${home}/vm`, '/vm/shop@2e1');
    read(`${home}/name`, 'shop.1');
    read(`${home}/domid`, String(d));
    read(`${home}/memory/target`, '256');
    read(`${home}/memory/static-max`, '512');
    read(`${home}/cpu/0/availability`, 'online');
    read(`${home}/cpu/1/availability`, 'offline');
    for (const own of [
      'control/shutdown',
      'control/feature-poweroff',
      'data',
      'error',
      'device/suspend/event-channel',
    ])
      read(`${home}/${own}`, '', `n${d}`);
    read('/vm/shop@2e1/uuid', 'shop.1');
    read('/vm/shop@2e1/name', 'shop.1');
    read('/vm/shop@2e1/image', 'idle');
    read('/vm/shop@2e1/image/cmdline', 'root=\\xc3\\xa9\\x0a');
    read('/vm/shop@2e1/start_time', '0');
    expect(listing('/tool/xenstored/domid')).toEqual(['/tool/xenstored/domid = 1 (n0)']);
    expect(host.xenstoreList('/no/such')).toMatchObject({ errno: 'ENOENT' });
    expect(host.xenstoreList('/a//b')).toMatchObject({ errno: 'EINVAL' });
    expect(host.setMemoryTarget(d, 100).ok).toBe(true);
    read(`${home}/memory/target`, '400');
  });

  test('X13 a refused build and a destroyed domain leave no node, no watch and no channel behind', () => {
    const { host, build, start, listing, store } = rig();
    const before = store.size();
    const all = listing('/');
    const channels = (): number => {
      const ports = [...host['machine'].domains.values()][0]?.events.openPorts;
      return ports ?? -1;
    };
    const open = channels();
    for (let i = 0; i < 5; i += 1) {
      host.destroyDomain(build('a', IMAGES.idle));
      const dies = {
        name: 'bad',
        boot: () => {
          throw new Error('no');
        },
      };
      expect(host.createDomain({ name: 'b', id: 'b', vcpus: 1, memoryFrames: 9, image: dies })).toMatchObject(
        {
          errno: 'EIO',
        },
      );
      const busy = start(
        'c',
        program(function* (client) {
          yield* client.watch('data');
          yield* client.write('data/x', 'y');
        }),
      );
      host.run(host.nowNs + 5n * MS);
      expect(listing(`/local/domain/${busy}/data/x`)).toHaveLength(1);
      host.destroyDomain(busy);
    }
    expect(listing('/')).toEqual(all);
    expect(store.size()).toEqual(before);
    expect(channels()).toBe(open);
    host.sample();
  });

  test('X6 @introduceDomain at each build; @releaseDomain at shutdown, crash and destroy', () => {
    const { host, build, start, store } = rig();
    const listener = new Listener();
    store.watch(listener, '@introduceDomain', 'i');
    store.watch(listener, '@releaseDomain', 'r');
    listener.heard.length = 0;
    const d = build('a', IMAGES.idle);
    expect(listener.heard.splice(0)).toEqual(['@introduceDomain']);
    host.unpause(d);
    host.shutdownDomain(d, 'poweroff');
    host.shutdownDomain(d, 'poweroff');
    expect(listener.heard.splice(0)).toEqual(['@releaseDomain']);
    host.destroyDomain(d);
    expect(listener.heard.splice(0)).toEqual(['@releaseDomain']);
    start('h', IMAGES.hostile, { commandLine: 'throws' });
    host.run(host.nowNs + 5n * MS);
    expect(listener.heard.splice(0)).toEqual(['@introduceDomain', '@releaseDomain']);
  });

  test('X14 requestShutdown writes control/shutdown: a guest that announced it obeys, acknowledges and ends', () => {
    const { host, start, listing } = rig();
    const d = start(
      'a',
      program(function* (client) {
        yield* obeyShutdown(client, function* (reason) {
          yield { do: 'shutdown', reason: reason as 'poweroff' };
        });
      }),
    );
    host.run(5n * MS);
    expect(host.requestShutdown(d).ok).toBe(true);
    expect(listing(`/local/domain/${d}/control/shutdown`)[0]).toContain('= poweroff ');
    host.run(10n * MS);
    expect(listing(`/local/domain/${d}/control/shutdown`)[0]).toContain('=  ');
    expect(host.drainEvents().find((e) => e.type === 'domain.shutdown')).toMatchObject({
      reason: 'poweroff',
    });
    const deaf = start('b', IMAGES.busy);
    expect(host.requestShutdown(deaf)).toMatchObject({ errno: 'EOPNOTSUPP' });
    expect(listing(`/local/domain/${deaf}/control/shutdown`)[0]).toContain('=  ');
    const web = start('c', IMAGES.web);
    host.run(11n * MS);
    expect(host.requestShutdown(web).ok).toBe(true);
    expect(listing(`/local/domain/${web}/control/shutdown`)[0]).toContain('= poweroff ');
    host.run(20n * MS);
    expect(host.drainEvents().find((e) => e.type === 'domain.shutdown')).toMatchObject({ id: 'c' });
  });
});

describe('guests at the store', () => {
  test('X9 a guest reads what is said of it, keeps data, lists it in parts and is refused what is not its own', () => {
    const { host, start, listing } = rig();
    const said: unknown[] = [];
    const d = start(
      'a',
      program(function* (client) {
        said.push(text(yield* client.read('name')), text(yield* client.read('domid')));
        said.push(yield* client.write('data/big', 'z'.repeat(1900)));
        said.push(text(yield* client.read('data/big')).length);
        said.push(yield* client.write('name', 'mine'), yield* client.read('/vm'));
        said.push(
          yield* client.write('data/shared', 'x'),
          yield* client.setPermissions('data/shared', ['r5']),
        );
        said.push(yield* client.permissions('data/shared'), yield* client.makeDirectory('data/d'));
        said.push(yield* client.remove('data/big'), yield* client.directory('data'));
      }),
    );
    host.run(20n * MS);
    const ok = { ok: true, value: null };
    const no = { ok: false, errno: 'EACCES' };
    expect(d).toBe(4);
    expect(said.slice(0, 6)).toEqual(['a', '4', ok, 1900, no, no]);
    // Domain 5 does not exist, and domain 4 may not give its node away.
    expect(said.slice(6)).toEqual([
      ok,
      { ok: false, errno: 'ENOENT' },
      { ok: true, value: ['n4'] },
      ok,
      ok,
      { ok: true, value: ['d', 'shared'] },
    ]);
    expect(listing('/local/domain/4/data')).toHaveLength(3);
  });

  test('X9 a directory too large for one answer comes whole to the client, also while it changes', () => {
    const { host, start, store } = rig();
    const found: string[][] = [];
    const toolstack = { domId: 0, transactionId: 0 };
    const d = start(
      'a',
      program(function* (client) {
        for (let i = 0; i < 3; i += 1) {
          const names = yield* client.directory('many');
          found.push(names.ok ? names.value : [names.errno]);
        }
      }),
    );
    for (let i = 0; i < 900; i += 1) store.makeDirectory(toolstack, `/local/domain/${d}/many/node${i}`);
    for (let i = 900; found.length < 3; i += 1) {
      host.run(host.nowNs + 800_000n);
      if (i < 910) store.makeDirectory(toolstack, `/local/domain/${d}/many/node${i}`);
    }
    const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `node${i}`).sort();
    for (const list of found) expect(list).toEqual(names(list.length));
    expect(found[2]?.length).toBeGreaterThan(found[0]?.length as number);
  });

  test('X4 guests that count in transactions at the same time lose no count', () => {
    const { host, start, store } = rig();
    const errors: string[] = [];
    const counter = program(function* (client, kernel) {
      const prng = new Prng(kernel.info.seed);
      for (let i = 0; i < 25; i += 1) {
        const result = yield* client.transaction<null>(function* (t) {
          const value = yield* client.read('/shared/count', t);
          if (!value.ok) return value;
          yield { do: 'work', ns: prng.between(1, 40_000) };
          return yield* client.write('/shared/count', String(Number(xsText(value.value)) + 1), t);
        });
        if (!result.ok) errors.push(result.errno);
        yield { do: 'work', ns: prng.between(1, 400_000) };
      }
      yield* client.write('data/done', '1');
    });
    const domIds = [start('a', counter), start('b', counter), start('c', counter)];
    store.write({ domId: 0, transactionId: 0 }, '/shared/count', Uint8Array.of(0x30));
    store.setPermissions({ domId: 0, transactionId: 0 }, '/shared/count', [{ domId: 0, access: 'b' }]);
    host.run(400n * MS);
    for (const d of domIds) expect(host.xenstoreList(`/local/domain/${d}/data/done`).ok).toBe(true);
    const value = host.xenstoreList('/shared/count');
    const conflicts = errors.filter((e) => e === 'EAGAIN').length;
    expect(errors).toHaveLength(conflicts);
    expect(value.ok && Number(value.value[0]?.value) + conflicts).toBe(75);
    host.sample();
  });

  test('X5 a guest that watches is woken by what another writes, in order', () => {
    const { host, start } = rig();
    const seen: string[] = [];
    const watcher = start(
      'w',
      program(function* (client) {
        yield* client.setPermissions('data', ['n4', 'b5']);
        const watch = yield* client.watch('data');
        if (!watch.ok) return;
        for (;;) {
          const path = yield* client.next(watch.value);
          seen.push(`${path}=${text(yield* client.read(path))}`);
        }
      }),
    );
    expect(watcher).toBe(4);
    const idle = start('i', IMAGES.idle);
    host.run(2n * MS);
    host.destroyDomain(idle);
    // Domain 5 was named before it lived, and now another has its number: it may nothing.
    const writer = program(function* (client) {
      seen.push(JSON.stringify(yield* client.write('/local/domain/4/data/x', '1')));
    });
    expect(start('late', writer)).toBe(6);
    host.run(5n * MS);
    expect(seen).toEqual(['data=', JSON.stringify({ ok: false, errno: 'EACCES' })]);
    host.destroyDomain(6);
    seen.length = 0;
    const five = { domId: 0, transactionId: 0 };
    const { store } = host['machine'].xenstore;
    for (const [i, path] of ['x', 'y/z', 'x'].entries()) {
      store.write(five, `/local/domain/4/data/${path}`, Uint8Array.of(0x30 + i));
      host.run(host.nowNs + MS);
    }
    expect(seen).toEqual(['data/x=0', 'data/y/z=1', 'data/x=2']);
  });
});
