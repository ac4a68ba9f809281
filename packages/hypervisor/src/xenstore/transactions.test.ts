import { beforeEach, describe, expect, test } from '@jest/globals';
import { by, Listener, permissionsOf, StoreRig } from './xenstore.fixture.js';
import { type Caller, TOOLSTACK, type Xenstore } from './xenstore.js';

let rig: StoreRig;
let store: Xenstore;

beforeEach(() => {
  rig = new StoreRig();
  store = rig.store;
});

describe('transactions', () => {
  test('X4 reads see the snapshot and the own writes; nobody else sees them before the commit', () => {
    rig.put('/a/x', 'old');
    rig.put('/a/y', 'old');
    const t = rig.start(0);
    rig.put('/a/y', 'new');
    rig.put('/a/z', 'new');
    store.remove(TOOLSTACK, '/a/x');
    expect([rig.text('/a/x', t), rig.text('/a/y', t), rig.text('/a/z', t)]).toEqual(['old', 'old', 'ENOENT']);
    expect(rig.names('/a', t)).toBe('x y');
    const own = rig.start(0);
    rig.put('/a/w', 'mine', own);
    store.remove(own, '/a/z');
    expect([rig.names('/a', own), rig.names('/a')]).toEqual(['w y', 'y z']);
    expect(rig.text('/a/w', own)).toBe('mine');
    expect(store.endTransaction(own, true).ok).toBe(true);
    expect(rig.names('/a')).toBe('w y');
    expect(rig.names('/a', t)).toBe('x y');
  });

  test('X4 a commit is EAGAIN, and changes nothing, if anything it read or wrote was changed meanwhile', () => {
    const cases: [string, (t: Caller) => void, () => void, boolean][] = [
      ['read, then written', (t) => rig.text('/a/x', t), () => rig.put('/a/x', '2'), false],
      ['read, another written', (t) => rig.text('/a/x', t), () => rig.put('/a/y', '2'), true],
      ['absent when read, then created', (t) => rig.text('/a/n', t), () => rig.put('/a/n'), false],
      ['listed, then a child created', (t) => rig.names('/a', t), () => rig.put('/a/n'), false],
      ['listed, then a child written', (t) => rig.names('/a', t), () => rig.put('/a/x', '2'), true],
      ['written by both', (t) => rig.put('/a/x', 't', t), () => rig.put('/a/x', '2'), false],
      ['created by both in one directory', (t) => rig.put('/a/m', 't', t), () => rig.put('/a/n'), false],
      ['removed below', (t) => store.remove(t, '/a'), () => rig.put('/a/x/deep'), false],
      [
        'permissions read, then set',
        (t) => store.permissions(t, '/a/x'),
        () => store.setPermissions(TOOLSTACK, '/a/x', permissionsOf('r0')),
        false,
      ],
      [
        'created and removed again',
        (t) => rig.text('/b', t),
        () => (rig.put('/b'), store.remove(TOOLSTACK, '/b')),
        false,
      ],
    ];
    for (const [name, inside, meanwhile, commits] of cases) {
      rig = new StoreRig();
      store = rig.store;
      rig.put('/a/x', '1');
      rig.put('/a/y', '1');
      const t = rig.start(0);
      inside(t);
      rig.put('/mark', 'done', t);
      // The root is part of what `/mark` changed: the mark must exist already.
      store.endTransaction(t, false);
      rig.put('/mark', 'none');
      const again = rig.start(0);
      inside(again);
      rig.put('/mark', 'done', again);
      meanwhile();
      const ended = store.endTransaction(again, true);
      expect([name, ended]).toEqual([
        name,
        commits ? { ok: true, value: null } : { ok: false, errno: 'EAGAIN' },
      ]);
      expect([name, rig.text('/mark')]).toEqual([name, commits ? 'done' : 'none']);
    }
  });

  test('X4 an aborted transaction leaves nothing; an ended or unknown one is ENOENT', () => {
    const t = rig.start(5);
    rig.put('data/x', 'v', t);
    expect(store.endTransaction(t, false).ok).toBe(true);
    expect(rig.text('data/x', by(5))).toBe('ENOENT');
    expect(store.endTransaction(t, true)).toEqual({ ok: false, errno: 'ENOENT' });
    expect(rig.text('data', by(5, 77))).toBe('ENOENT');
    const foreign = rig.start(5);
    expect(rig.text('data', by(6, foreign.transactionId))).toBe('ENOENT');
  });

  test('X4 of several transactions at once the first to commit wins, the others see the instant they began at', () => {
    rig.put('/n', '0');
    const all = [rig.start(5), rig.start(0), rig.start(0), rig.start(0)].slice(1);
    for (const [i, t] of all.entries()) {
      expect(rig.text('/n', t)).toBe('0');
      rig.put('/n', String(i + 1), t);
    }
    expect(store.endTransaction(all[1] as Caller, true).ok).toBe(true);
    expect(rig.text('/n', all[0])).toBe('1');
    expect(store.endTransaction(all[0] as Caller, true)).toEqual({ ok: false, errno: 'EAGAIN' });
    expect(store.endTransaction(all[2] as Caller, true)).toEqual({ ok: false, errno: 'EAGAIN' });
    expect(rig.text('/n')).toBe('2');
  });

  test('X4 the cost of a transaction follows what it touches, and old versions go with those who see them', () => {
    for (let i = 0; i < 2000; i += 1) rig.put(`/many/d${i}/value`, 'x');
    const before = store.touched;
    const t = rig.start(0);
    rig.put('/many/d7/value', 'y', t);
    expect(store.endTransaction(t, true).ok).toBe(true);
    expect(store.touched - before).toBeLessThan(10);
    const old = rig.start(0);
    for (let i = 0; i < 500; i += 1) {
      const young = rig.start(0);
      rig.put('/many/d8/value', String(i));
      store.endTransaction(young, false);
    }
    expect(rig.text('/many/d8/value', old)).toBe('x');
    expect(store.size().versions).toBeLessThanOrEqual(store.size().nodes + 1);
    store.endTransaction(old, false);
    expect(store.size().versions).toBe(store.size().nodes);
  });

  test('X4 a node written for a domain that died before the commit is not made', () => {
    const t = rig.start(0);
    store.setPermissions(t, '/local/domain', permissionsOf('n5'));
    store.removeDomain(5, null);
    rig.addHome(5);
    expect(store.endTransaction(t, true)).toEqual({ ok: false, errno: 'EAGAIN' });
  });
});

describe('watches', () => {
  test('X5 a watch fires once when it is set, then on any change at or below, with its token', () => {
    const zero = new Listener(0);
    store.watch(zero, '/a/b', 't');
    expect(zero.take()).toEqual(['/a/b t']);
    rig.put('/a/b/c/d');
    rig.put('/a/b');
    rig.put('/a/bb');
    rig.put('/a');
    store.setPermissions(TOOLSTACK, '/a/b/c', permissionsOf('r0'));
    store.makeDirectory(TOOLSTACK, '/a/b/e');
    store.makeDirectory(TOOLSTACK, '/a/b/e');
    expect(zero.take()).toEqual(['/a/b/c/d t', '/a/b t', '/a/b/c t', '/a/b/e t']);
  });

  test('X5 removal is told once to those at or above, and to those below of exactly their node', () => {
    const zero = new Listener(0);
    rig.put('/a/b/c/d');
    for (const [path, token] of [
      ['/', 'root'],
      ['/a/b/c', 'c'],
      ['/a/b', 'b'],
      ['/a/b/x', 'x'],
    ])
      store.watch(zero, path as string, token as string);
    zero.take();
    store.remove(TOOLSTACK, '/a');
    expect(zero.take()).toEqual(['/a root', '/a/b b', '/a/b/c c']);
  });

  test('X5 a relative watch reports relative paths; tokens tell watches of one path apart', () => {
    const five = new Listener(5);
    store.watch(five, 'data', 'one');
    store.watch(five, '/local/domain/5/data', 'two');
    expect(store.watch(five, 'data', 'two')).toEqual({ ok: false, errno: 'EEXIST' });
    five.take();
    rig.put('/local/domain/5/data/x');
    expect(five.take()).toEqual(['data/x one', '/local/domain/5/data/x two']);
    expect(store.unwatch(five, 'data', 'one').ok).toBe(true);
    expect(store.unwatch(five, 'data', 'one')).toEqual({ ok: false, errno: 'ENOENT' });
    rig.put('/local/domain/5/data/x');
    expect(five.take()).toEqual(['/local/domain/5/data/x two']);
    store.reset(5, five);
    rig.put('/local/domain/5/data/x');
    expect(five.take()).toEqual([]);
  });

  test('X5 an event is told only to who may read the node, as it was or is, or its parent', () => {
    const five = new Listener(5);
    store.watch(five, '/', 'root');
    five.take();
    rig.put('/secret', 'x');
    rig.put('/local/domain/6/data/x', '', by(6));
    expect(five.take()).toEqual([]);
    store.setPermissions(TOOLSTACK, '/secret', permissionsOf('n0', 'r5'));
    rig.put('/secret', 'y');
    store.setPermissions(TOOLSTACK, '/secret', permissionsOf('n0'));
    rig.put('/secret', 'z');
    expect(five.take()).toEqual(['/secret root', '/secret root', '/secret root']);
    rig.put('/local/domain/5/name', 'inherited');
    store.setPermissions(TOOLSTACK, '/local/domain/5/name', permissionsOf('n0'));
    expect(five.take()).toEqual(['/local/domain/5/name root', '/local/domain/5/name root']);
  });

  test('X5 what a transaction changes is told when it commits, once for each node, and not when it does not', () => {
    const zero = new Listener(0);
    store.watch(zero, '/', 'w');
    zero.take();
    const t = rig.start(0);
    rig.put('/a/x', '1', t);
    rig.put('/a/x', '2', t);
    rig.put('/a/y', '1', t);
    expect(zero.take()).toEqual([]);
    expect(store.endTransaction(t, true).ok).toBe(true);
    expect(zero.take()).toEqual(['/a/x w', '/a/y w']);
    const aborted = rig.start(0);
    rig.put('/a/x', '3', aborted);
    store.endTransaction(aborted, false);
    const refused = rig.start(0);
    rig.put('/a/x', '3', refused);
    rig.put('/a/x', '4');
    zero.take();
    store.endTransaction(refused, true);
    expect(zero.take()).toEqual([]);
  });

  test('X6 @introduceDomain and @releaseDomain are for domain 0, and for whom it lets read them', () => {
    const zero = new Listener(0);
    const five = new Listener(5);
    for (const listener of [zero, five]) {
      store.watch(listener, '@releaseDomain', 'r');
      store.watch(listener, '/', 'root');
      listener.take();
    }
    store.fireSpecial('@releaseDomain');
    expect([zero.take(), five.take()]).toEqual([['@releaseDomain r'], []]);
    expect(store.setPermissions(by(5), '@releaseDomain', permissionsOf('r5'))).toMatchObject({
      errno: 'EACCES',
    });
    store.setPermissions(TOOLSTACK, '@releaseDomain', permissionsOf('n0', 'r5'));
    store.fireSpecial('@releaseDomain');
    expect(five.take()).toEqual(['@releaseDomain r']);
    expect(store.watch(five, '@else', 't')).toEqual({ ok: false, errno: 'EINVAL' });
  });
});
