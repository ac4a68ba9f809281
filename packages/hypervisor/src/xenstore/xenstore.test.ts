import { beforeEach, describe, expect, test } from '@jest/globals';
import { LIMITS } from '../limits.js';
import { by, Listener, permissionsOf, StoreRig } from './xenstore.fixture.js';
import { type Caller, TOOLSTACK, type Xenstore } from './xenstore.js';

let rig: StoreRig;
let store: Xenstore;

beforeEach(() => {
  rig = new StoreRig();
  store = rig.store;
});

describe('the tree', () => {
  test('X1 paths: letters, digits and - / _ @, no empty part, at most 3072 characters, 2048 below a home', () => {
    for (const bad of ['', '/a/', '//', '/a//b', '/a b', '/a.b', '/\u00e9', `/${'a'.repeat(3072)}`])
      expect(rig.text(bad)).toBe('EINVAL');
    expect(rig.put(`/${'a'.repeat(3071)}`).ok).toBe(true);
    expect(rig.text(`/local/domain/5/${'a'.repeat(2049)}`)).toBe('EINVAL');
    expect(rig.text(`/local/domain/5/${'a'.repeat(2048)}`)).toBe('ENOENT');
  });

  test('X1 a relative path is below the home of who asks', () => {
    expect(rig.put('data/x', 'mine', by(5)).ok).toBe(true);
    expect(rig.text('/local/domain/5/data/x')).toBe('mine');
    expect(rig.text('data/x', by(6))).toBe('ENOENT');
  });

  test('X2 WRITE and MKDIR create what is missing above; MKDIR of what exists changes nothing', () => {
    expect(rig.put('/a/b/c', 'v').ok).toBe(true);
    expect([rig.text('/a'), rig.text('/a/b'), rig.text('/a/b/c')]).toEqual(['', '', 'v']);
    expect(store.makeDirectory(TOOLSTACK, '/a/b/c').ok).toBe(true);
    expect(rig.text('/a/b/c')).toBe('v');
    rig.put('/a/a-x');
    rig.put('/a/0');
    expect(rig.names('/a')).toBe('0 a-x b');
  });

  test('X2 values are bytes, and nobody else holds them', () => {
    const bytes = Uint8Array.from([0, 255, 10, 0]);
    store.write(TOOLSTACK, '/bytes', bytes);
    bytes[0] = 7;
    const first = store.read(TOOLSTACK, '/bytes');
    if (first.ok) first.value[1] = 7;
    expect(store.read(TOOLSTACK, '/bytes')).toEqual({ ok: true, value: Uint8Array.from([0, 255, 10, 0]) });
  });

  test('X2 RM takes all below; what is gone already is fine while its parent exists; the root stays', () => {
    rig.put('/a/b/c');
    rig.put('/a/d');
    expect(store.remove(TOOLSTACK, '/a/b').ok).toBe(true);
    expect(rig.names('/a')).toBe('d');
    expect(store.remove(TOOLSTACK, '/a/b').ok).toBe(true);
    expect(store.remove(TOOLSTACK, '/x/y')).toEqual({ ok: false, errno: 'ENOENT' });
    expect(store.remove(TOOLSTACK, '/')).toEqual({ ok: false, errno: 'EINVAL' });
  });

  test('X2 the generation of a listing changes with the list and the node, and with nothing else', () => {
    rig.put('/a/b');
    const generation = () => {
      const list = store.directory(TOOLSTACK, '/a');
      return list.ok ? list.value.generation : -1;
    };
    const first = generation();
    rig.put('/a/b', 'x');
    rig.put('/other');
    expect(generation()).toBe(first);
    rig.put('/a/c');
    const second = generation();
    expect(second).not.toBe(first);
    store.remove(TOOLSTACK, '/a/c');
    expect(generation()).not.toBe(second);
  });
});

describe('permissions', () => {
  test('X3 owner first, whose letter is for all others; domain 0 may do everything', () => {
    rig.put('/n', 'v');
    expect(rig.text('/n', by(5))).toBe('EACCES');
    store.setPermissions(TOOLSTACK, '/n', permissionsOf('r0', 'w5', 'b6'));
    expect(rig.text('/n', by(5))).toBe('EACCES');
    expect(rig.put('/n', 'five', by(5)).ok).toBe(true);
    expect(rig.text('/n', by(6))).toBe('five');
    rig.addHome(7);
    expect(rig.text('/n', by(7))).toBe('five');
    expect(rig.put('/n', 'x', by(7))).toEqual({ ok: false, errno: 'EACCES' });
    store.setPermissions(TOOLSTACK, '/n', permissionsOf('n5'));
    expect([rig.text('/n', by(5)), rig.text('/n', by(6)), rig.text('/n')]).toEqual([
      'five',
      'EACCES',
      'five',
    ]);
  });

  test('X3 who may not look above a node does not learn whether it exists', () => {
    rig.put('/secret/a');
    expect(rig.text('/secret/a', by(5))).toBe('EACCES');
    expect(rig.text('/secret/nothing', by(5))).toBe('EACCES');
    expect(rig.text('/local/domain/5/nothing', by(5))).toBe('ENOENT');
    expect(rig.put('/local/domain/5/nothing', '', by(5))).toEqual({ ok: false, errno: 'EACCES' });
  });

  test('X3 what is created inherits permissions; what a domain creates is its own', () => {
    store.setPermissions(TOOLSTACK, '/local/domain/5/data', permissionsOf('n5', 'b6'));
    rig.put('/local/domain/5/data/six', '', by(6));
    rig.put('/local/domain/5/data/zero');
    expect(rig.permissions('/local/domain/5/data/six')).toBe('n6 b6');
    expect(rig.permissions('/local/domain/5/data/zero')).toBe('n5 b6');
  });

  test('X3 only the owner sets permissions, only domain 0 gives a node away, and only to a domain that exists', () => {
    store.setPermissions(TOOLSTACK, '/local/domain/5/data', permissionsOf('b5'));
    const set = (caller: Caller, ...texts: string[]) =>
      store.setPermissions(caller, '/local/domain/5/data', permissionsOf(...texts));
    expect(set(by(6), 'b6')).toEqual({ ok: false, errno: 'EACCES' });
    expect(set(by(5), 'b6')).toEqual({ ok: false, errno: 'EPERM' });
    expect(set(by(5), 'r5', 'w6').ok).toBe(true);
    expect(set(TOOLSTACK, 'n6').ok).toBe(true);
    expect(set(TOOLSTACK, 'n99')).toEqual({ ok: false, errno: 'ENOENT' });
    expect(rig.permissions('/local/domain/5/data')).toBe('n6');
  });

  test('X3 a permission does not pass to a later domain of the same number, not even by inheritance', () => {
    rig.put('/n/child', 'secret');
    store.setPermissions(TOOLSTACK, '/n', permissionsOf('n0', 'b5', 'r9'));
    store.removeDomain(5, null);
    rig.addHome(5);
    rig.addHome(9);
    expect([rig.text('/n', by(5)), rig.text('/n', by(9))]).toEqual(['EACCES', 'EACCES']);
    rig.put('/n/later', 'secret');
    expect(rig.permissions('/n/later')).toBe('n0');
    expect(rig.text('/n/later', by(5))).toBe('EACCES');
  });
});

describe('quotas', () => {
  const fill = (domId: number): number => {
    for (let made = 0; ; made += 1)
      if (!rig.put(`data/d${Math.floor(made / 30)}/n${made}`, '', by(domId)).ok)
        return store.usageOf(domId, null).nodes;
  };

  test('X7 nodes: a domain owns at most 1000, whoever made them; what it loses counts no more', () => {
    expect(store.usageOf(5, null).nodes).toBe(1);
    expect(fill(5)).toBe(LIMITS.xenstoreNodesPerDomainMax);
    expect(rig.put('data/more', '', by(5))).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(rig.put('data/d0', 'existing', by(5)).ok).toBe(true);
    store.setPermissions(TOOLSTACK, '/local/domain/5/data/d0', permissionsOf('n6'));
    expect([store.usageOf(5, null).nodes, store.usageOf(6, null).nodes]).toEqual([999, 2]);
    expect(rig.put('data/more', '', by(5)).ok).toBe(true);
    store.remove(TOOLSTACK, '/local/domain/5/data');
    expect([store.usageOf(5, null).nodes, store.usageOf(6, null).nodes]).toEqual([0, 1]);
  });

  test('X7 nodes in a transaction count when they are made and when it commits', () => {
    fill(5);
    for (let i = 0; i < 10; i += 1) store.remove(by(5), `data/d0/n${i}`);
    const t = rig.start(5);
    for (let i = 0; i < 10; i += 1) expect(rig.put(`data/d1/m${i}`, '', t).ok).toBe(true);
    expect(rig.put('data/d1/over', '', t)).toEqual({ ok: false, errno: 'ENOSPC' });
    rig.put('data/d2/meanwhile', '', by(5));
    expect(store.endTransaction(t, true)).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(store.usageOf(5, null).nodes).toBe(991);
  });

  test('X7 a node is at most 2048 bytes with its permissions and the names of its children, and has 5 permissions', () => {
    const room = LIMITS.xenstoreNodeBytesMax - 16 - 8;
    expect(rig.put('data/v', 'x'.repeat(room), by(5)).ok).toBe(true);
    expect(rig.put('data/v', 'x'.repeat(room + 1), by(5))).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(store.setPermissions(by(5), 'data/v', permissionsOf('n5', 'r6'))).toEqual({
      ok: false,
      errno: 'ENOSPC',
    });
    expect(rig.put('data/v/c', '', by(5))).toEqual({ ok: false, errno: 'ENOSPC' });
    let made = 0;
    while (rig.put(`data/w/${String(made).padStart(99, '0')}`, '', by(5)).ok) made += 1;
    expect(made).toBe(Math.floor(room / 100));
    const six = permissionsOf('n5', 'r1', 'r2', 'r3', 'r4', 'r6');
    expect(store.setPermissions(by(5), 'data', six)).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(store.setPermissions(TOOLSTACK, '/local/domain/5/data', six).ok).toBe(true);
    expect(rig.put('/big', 'x'.repeat(4000)).ok).toBe(true);
  });

  test('X7 128 watches (E2BIG), 10 transactions, 1024 nodes in one (ENOSPC); not for domain 0', () => {
    const five = new Listener(5);
    const zero = new Listener(0);
    for (let i = 0; i < 128; i += 1) expect(store.watch(five, `p${i}`, '').ok).toBe(true);
    expect(store.watch(five, 'more', '')).toEqual({ ok: false, errno: 'E2BIG' });
    for (let i = 0; i < 200; i += 1) expect(store.watch(zero, `/p${i}`, '').ok).toBe(true);
    const open = Array.from({ length: 10 }, () => rig.start(5));
    expect(store.startTransaction(5)).toEqual({ ok: false, errno: 'ENOSPC' });
    const first = open[0] as Caller;
    // `data` and 1023 names in it that do not exist.
    for (let i = 0; i < 1023; i += 1) expect(rig.text(`data/n${i}`, first)).toBe('ENOENT');
    expect(rig.text('data/n1023', first)).toBe('ENOSPC');
    expect(rig.put('data/n1024', '', first)).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(rig.put('data/n1', '', first).ok).toBe(true);
    store.endTransaction(first, false);
    expect(store.startTransaction(5).ok).toBe(true);
    for (let i = 0; i < 50; i += 1) rig.start(0);
  });

  test('X8 a domain that dies takes its nodes with all below, its watches and its transactions with it', () => {
    const five = new Listener(5);
    const zero = new Listener(0);
    store.setPermissions(TOOLSTACK, '/local/domain/6/data', permissionsOf('n6', 'b5'));
    rig.put('/local/domain/6/data/five/deep', 'x', by(5));
    rig.put('/local/domain/6/data/five/deep/six');
    rig.put('data/x', '', by(5));
    store.watch(five, 'data', 't');
    rig.put('/local/domain/5/data/y', '', rig.start(5));
    store.watch(zero, '/local/domain', 'z');
    zero.take();
    store.removeDomain(5, five);
    five.take();
    expect(rig.names('/local/domain/6/data')).toBe('');
    expect(rig.names('/local/domain/5')).toBe('');
    expect(rig.text('/local/domain/5')).toBe('');
    expect(zero.take().sort()).toEqual(['/local/domain/5/data z', '/local/domain/6/data/five z']);
    rig.put('/local/domain/5/data/x');
    expect(five.take()).toEqual([]);
    expect(store.knows(5)).toBe(false);
    expect(store.size().versions).toBe(store.size().nodes);
  });
});
