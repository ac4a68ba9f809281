import { beforeEach, describe, expect, test } from '@jest/globals';
import { type XsAnswer, xsBytes, xsText } from '../abi/xs-wire.js';
import { LIMITS } from '../limits.js';
import { formatPermission, parsePermission, type Permission } from './permissions.js';
import type { Watch, Watcher } from './watches.js';
import { type Caller, TOOLSTACK, Xenstore } from './xenstore.js';

const perms = (...texts: string[]): Permission[] => texts.map((t) => parsePermission(t) as Permission);
const by = (domId: number, transactionId = 0): Caller => ({ domId, transactionId });

class Listener implements Watcher {
  readonly heard: string[] = [];
  constructor(readonly domId: number) {}
  fire(watch: Watch, path: string): void {
    this.heard.push(`${path} ${watch.token}`);
  }
  take(): string[] {
    return this.heard.splice(0);
  }
}

let store: Xenstore;

function put(path: string, value = '', caller = TOOLSTACK): XsAnswer<null> {
  return store.write(caller, path, xsBytes(value));
}

function text(path: string, caller = TOOLSTACK): string {
  const read = store.read(caller, path);
  return read.ok ? xsText(read.value) : read.errno;
}

function names(path: string, caller = TOOLSTACK): string {
  const list = store.directory(caller, path);
  return list.ok ? list.value.names.join(' ') : list.errno;
}

function permissions(path: string): string {
  const got = store.permissions(TOOLSTACK, path);
  return got.ok ? got.value.map(formatPermission).join(' ') : got.errno;
}

/** A home as the toolstack makes one: readable by the domain, with a node of its own. */
function addHome(domId: number): void {
  store.addDomain(domId);
  const home = `/local/domain/${domId}`;
  store.makeDirectory(TOOLSTACK, home);
  store.setPermissions(TOOLSTACK, home, perms('n0', `r${domId}`));
  store.makeDirectory(TOOLSTACK, `${home}/data`);
  store.setPermissions(TOOLSTACK, `${home}/data`, perms(`n${domId}`));
}

function start(domId: number): Caller {
  const started = store.startTransaction(domId);
  if (!started.ok) throw new Error(started.errno);
  return by(domId, started.value);
}

beforeEach(() => {
  store = new Xenstore();
  addHome(5);
  addHome(6);
});

describe('the tree', () => {
  test('X1 paths: letters, digits and - / _ @, no empty part, at most 3072 characters, 2048 below a home', () => {
    for (const bad of ['', '/a/', '//', '/a//b', '/a b', '/a.b', '/\u00e9', `/${'a'.repeat(3072)}`])
      expect(text(bad)).toBe('EINVAL');
    expect(put(`/${'a'.repeat(3071)}`).ok).toBe(true);
    expect(text(`/local/domain/5/${'a'.repeat(2049)}`)).toBe('EINVAL');
    expect(text(`/local/domain/5/${'a'.repeat(2048)}`)).toBe('ENOENT');
  });

  test('X1 a relative path is below the home of who asks', () => {
    expect(put('data/x', 'mine', by(5)).ok).toBe(true);
    expect(text('/local/domain/5/data/x')).toBe('mine');
    expect(text('data/x', by(6))).toBe('ENOENT');
  });

  test('X2 WRITE and MKDIR create what is missing above; MKDIR of what exists changes nothing', () => {
    expect(put('/a/b/c', 'v').ok).toBe(true);
    expect([text('/a'), text('/a/b'), text('/a/b/c')]).toEqual(['', '', 'v']);
    expect(store.makeDirectory(TOOLSTACK, '/a/b/c').ok).toBe(true);
    expect(text('/a/b/c')).toBe('v');
    put('/a/a-x');
    put('/a/0');
    expect(names('/a')).toBe('0 a-x b');
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
    put('/a/b/c');
    put('/a/d');
    expect(store.remove(TOOLSTACK, '/a/b').ok).toBe(true);
    expect(names('/a')).toBe('d');
    expect(store.remove(TOOLSTACK, '/a/b').ok).toBe(true);
    expect(store.remove(TOOLSTACK, '/x/y')).toEqual({ ok: false, errno: 'ENOENT' });
    expect(store.remove(TOOLSTACK, '/')).toEqual({ ok: false, errno: 'EINVAL' });
  });

  test('X2 the generation of a listing changes with the list and the node, and with nothing else', () => {
    put('/a/b');
    const generation = () => {
      const list = store.directory(TOOLSTACK, '/a');
      return list.ok ? list.value.generation : -1;
    };
    const first = generation();
    put('/a/b', 'x');
    put('/other');
    expect(generation()).toBe(first);
    put('/a/c');
    const second = generation();
    expect(second).not.toBe(first);
    store.remove(TOOLSTACK, '/a/c');
    expect(generation()).not.toBe(second);
  });
});

describe('permissions', () => {
  test('X3 owner first, whose letter is for all others; domain 0 may do everything', () => {
    put('/n', 'v');
    expect(text('/n', by(5))).toBe('EACCES');
    store.setPermissions(TOOLSTACK, '/n', perms('r0', 'w5', 'b6'));
    expect(text('/n', by(5))).toBe('EACCES');
    expect(put('/n', 'five', by(5)).ok).toBe(true);
    expect(text('/n', by(6))).toBe('five');
    addHome(7);
    expect(text('/n', by(7))).toBe('five');
    expect(put('/n', 'x', by(7))).toEqual({ ok: false, errno: 'EACCES' });
    store.setPermissions(TOOLSTACK, '/n', perms('n5'));
    expect([text('/n', by(5)), text('/n', by(6)), text('/n')]).toEqual(['five', 'EACCES', 'five']);
  });

  test('X3 who may not look above a node does not learn whether it exists', () => {
    put('/secret/a');
    expect(text('/secret/a', by(5))).toBe('EACCES');
    expect(text('/secret/nothing', by(5))).toBe('EACCES');
    expect(text('/local/domain/5/nothing', by(5))).toBe('ENOENT');
    expect(put('/local/domain/5/nothing', '', by(5))).toEqual({ ok: false, errno: 'EACCES' });
  });

  test('X3 what is created inherits permissions; what a domain creates is its own', () => {
    store.setPermissions(TOOLSTACK, '/local/domain/5/data', perms('n5', 'b6'));
    put('/local/domain/5/data/six', '', by(6));
    put('/local/domain/5/data/zero');
    expect(permissions('/local/domain/5/data/six')).toBe('n6 b6');
    expect(permissions('/local/domain/5/data/zero')).toBe('n5 b6');
  });

  test('X3 only the owner sets permissions, only domain 0 gives a node away, and only to a domain that exists', () => {
    store.setPermissions(TOOLSTACK, '/local/domain/5/data', perms('b5'));
    const set = (caller: Caller, ...texts: string[]) =>
      store.setPermissions(caller, '/local/domain/5/data', perms(...texts));
    expect(set(by(6), 'b6')).toEqual({ ok: false, errno: 'EACCES' });
    expect(set(by(5), 'b6')).toEqual({ ok: false, errno: 'EPERM' });
    expect(set(by(5), 'r5', 'w6').ok).toBe(true);
    expect(set(TOOLSTACK, 'n6').ok).toBe(true);
    expect(set(TOOLSTACK, 'n99')).toEqual({ ok: false, errno: 'ENOENT' });
    expect(permissions('/local/domain/5/data')).toBe('n6');
  });

  test('X3 a permission does not pass to a later domain of the same number, not even by inheritance', () => {
    put('/n/child', 'secret');
    store.setPermissions(TOOLSTACK, '/n', perms('n0', 'b5', 'r9'));
    store.removeDomain(5, null);
    addHome(5);
    addHome(9);
    expect([text('/n', by(5)), text('/n', by(9))]).toEqual(['EACCES', 'EACCES']);
    put('/n/later', 'secret');
    expect(permissions('/n/later')).toBe('n0');
    expect(text('/n/later', by(5))).toBe('EACCES');
  });
});

describe('transactions', () => {
  test('X4 reads see the snapshot and the own writes; nobody else sees them before the commit', () => {
    put('/a/x', 'old');
    put('/a/y', 'old');
    const t = start(0);
    put('/a/y', 'new');
    put('/a/z', 'new');
    store.remove(TOOLSTACK, '/a/x');
    expect([text('/a/x', t), text('/a/y', t), text('/a/z', t)]).toEqual(['old', 'old', 'ENOENT']);
    expect(names('/a', t)).toBe('x y');
    const own = start(0);
    put('/a/w', 'mine', own);
    store.remove(own, '/a/z');
    expect([names('/a', own), names('/a')]).toEqual(['w y', 'y z']);
    expect(text('/a/w', own)).toBe('mine');
    expect(store.endTransaction(own, true).ok).toBe(true);
    expect(names('/a')).toBe('w y');
    expect(names('/a', t)).toBe('x y');
  });

  test('X4 a commit is EAGAIN, and changes nothing, if anything it read or wrote was changed meanwhile', () => {
    const cases: [string, (t: Caller) => void, () => void, boolean][] = [
      ['read, then written', (t) => text('/a/x', t), () => put('/a/x', '2'), false],
      ['read, another written', (t) => text('/a/x', t), () => put('/a/y', '2'), true],
      ['absent when read, then created', (t) => text('/a/n', t), () => put('/a/n'), false],
      ['listed, then a child created', (t) => names('/a', t), () => put('/a/n'), false],
      ['listed, then a child written', (t) => names('/a', t), () => put('/a/x', '2'), true],
      ['written by both', (t) => put('/a/x', 't', t), () => put('/a/x', '2'), false],
      ['created by both in one directory', (t) => put('/a/m', 't', t), () => put('/a/n'), false],
      ['removed below', (t) => store.remove(t, '/a'), () => put('/a/x/deep'), false],
      [
        'permissions read, then set',
        (t) => store.permissions(t, '/a/x'),
        () => store.setPermissions(TOOLSTACK, '/a/x', perms('r0')),
        false,
      ],
      [
        'created and removed again',
        (t) => text('/b', t),
        () => (put('/b'), store.remove(TOOLSTACK, '/b')),
        false,
      ],
    ];
    for (const [name, inside, meanwhile, commits] of cases) {
      store = new Xenstore();
      put('/a/x', '1');
      put('/a/y', '1');
      const t = start(0);
      inside(t);
      put('/mark', 'done', t);
      // The root is part of what `/mark` changed: the mark must exist already.
      store.endTransaction(t, false);
      put('/mark', 'none');
      const again = start(0);
      inside(again);
      put('/mark', 'done', again);
      meanwhile();
      const ended = store.endTransaction(again, true);
      expect([name, ended]).toEqual([
        name,
        commits ? { ok: true, value: null } : { ok: false, errno: 'EAGAIN' },
      ]);
      expect([name, text('/mark')]).toEqual([name, commits ? 'done' : 'none']);
    }
  });

  test('X4 an aborted transaction leaves nothing; an ended or unknown one is ENOENT', () => {
    const t = start(5);
    put('data/x', 'v', t);
    expect(store.endTransaction(t, false).ok).toBe(true);
    expect(text('data/x', by(5))).toBe('ENOENT');
    expect(store.endTransaction(t, true)).toEqual({ ok: false, errno: 'ENOENT' });
    expect(text('data', by(5, 77))).toBe('ENOENT');
    const foreign = start(5);
    expect(text('data', by(6, foreign.transactionId))).toBe('ENOENT');
  });

  test('X4 of several transactions at once the first to commit wins, the others see the instant they began at', () => {
    put('/n', '0');
    const all = [start(5), start(0), start(0), start(0)].slice(1);
    for (const [i, t] of all.entries()) {
      expect(text('/n', t)).toBe('0');
      put('/n', String(i + 1), t);
    }
    expect(store.endTransaction(all[1] as Caller, true).ok).toBe(true);
    expect(text('/n', all[0])).toBe('1');
    expect(store.endTransaction(all[0] as Caller, true)).toEqual({ ok: false, errno: 'EAGAIN' });
    expect(store.endTransaction(all[2] as Caller, true)).toEqual({ ok: false, errno: 'EAGAIN' });
    expect(text('/n')).toBe('2');
  });

  test('X4 the cost of a transaction follows what it touches, and old versions go with those who see them', () => {
    for (let i = 0; i < 2000; i += 1) put(`/many/d${i}/value`, 'x');
    const before = store.touched;
    const t = start(0);
    put('/many/d7/value', 'y', t);
    expect(store.endTransaction(t, true).ok).toBe(true);
    expect(store.touched - before).toBeLessThan(10);
    const old = start(0);
    for (let i = 0; i < 500; i += 1) {
      const young = start(0);
      put('/many/d8/value', String(i));
      store.endTransaction(young, false);
    }
    expect(text('/many/d8/value', old)).toBe('x');
    expect(store.size().versions).toBeLessThanOrEqual(store.size().nodes + 1);
    store.endTransaction(old, false);
    expect(store.size().versions).toBe(store.size().nodes);
  });

  test('X4 a node written for a domain that died before the commit is not made', () => {
    const t = start(0);
    store.setPermissions(t, '/local/domain', perms('n5'));
    store.removeDomain(5, null);
    addHome(5);
    expect(store.endTransaction(t, true)).toEqual({ ok: false, errno: 'EAGAIN' });
  });
});

describe('watches', () => {
  test('X5 a watch fires once when it is set, then on any change at or below, with its token', () => {
    const zero = new Listener(0);
    store.watch(zero, '/a/b', 't');
    expect(zero.take()).toEqual(['/a/b t']);
    put('/a/b/c/d');
    put('/a/b');
    put('/a/bb');
    put('/a');
    store.setPermissions(TOOLSTACK, '/a/b/c', perms('r0'));
    store.makeDirectory(TOOLSTACK, '/a/b/e');
    store.makeDirectory(TOOLSTACK, '/a/b/e');
    expect(zero.take()).toEqual(['/a/b/c/d t', '/a/b t', '/a/b/c t', '/a/b/e t']);
  });

  test('X5 removal is told once to those at or above, and to those below of exactly their node', () => {
    const zero = new Listener(0);
    put('/a/b/c/d');
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
    put('/local/domain/5/data/x');
    expect(five.take()).toEqual(['data/x one', '/local/domain/5/data/x two']);
    expect(store.unwatch(five, 'data', 'one').ok).toBe(true);
    expect(store.unwatch(five, 'data', 'one')).toEqual({ ok: false, errno: 'ENOENT' });
    put('/local/domain/5/data/x');
    expect(five.take()).toEqual(['/local/domain/5/data/x two']);
    store.reset(5, five);
    put('/local/domain/5/data/x');
    expect(five.take()).toEqual([]);
  });

  test('X5 an event is told only to who may read the node, as it was or is, or its parent', () => {
    const five = new Listener(5);
    store.watch(five, '/', 'root');
    five.take();
    put('/secret', 'x');
    put('/local/domain/6/data/x', '', by(6));
    expect(five.take()).toEqual([]);
    store.setPermissions(TOOLSTACK, '/secret', perms('n0', 'r5'));
    put('/secret', 'y');
    store.setPermissions(TOOLSTACK, '/secret', perms('n0'));
    put('/secret', 'z');
    expect(five.take()).toEqual(['/secret root', '/secret root', '/secret root']);
    put('/local/domain/5/name', 'inherited');
    store.setPermissions(TOOLSTACK, '/local/domain/5/name', perms('n0'));
    expect(five.take()).toEqual(['/local/domain/5/name root', '/local/domain/5/name root']);
  });

  test('X5 what a transaction changes is told when it commits, once for each node, and not when it does not', () => {
    const zero = new Listener(0);
    store.watch(zero, '/', 'w');
    zero.take();
    const t = start(0);
    put('/a/x', '1', t);
    put('/a/x', '2', t);
    put('/a/y', '1', t);
    expect(zero.take()).toEqual([]);
    expect(store.endTransaction(t, true).ok).toBe(true);
    expect(zero.take()).toEqual(['/a/x w', '/a/y w']);
    const aborted = start(0);
    put('/a/x', '3', aborted);
    store.endTransaction(aborted, false);
    const refused = start(0);
    put('/a/x', '3', refused);
    put('/a/x', '4');
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
    expect(store.setPermissions(by(5), '@releaseDomain', perms('r5'))).toMatchObject({ errno: 'EACCES' });
    store.setPermissions(TOOLSTACK, '@releaseDomain', perms('n0', 'r5'));
    store.fireSpecial('@releaseDomain');
    expect(five.take()).toEqual(['@releaseDomain r']);
    expect(store.watch(five, '@else', 't')).toEqual({ ok: false, errno: 'EINVAL' });
  });
});

describe('quotas', () => {
  const fill = (domId: number): number => {
    for (let made = 0; ; made += 1)
      if (!put(`data/d${Math.floor(made / 30)}/n${made}`, '', by(domId)).ok)
        return store.usageOf(domId, null).nodes;
  };

  test('X7 nodes: a domain owns at most 1000, whoever made them; what it loses counts no more', () => {
    expect(store.usageOf(5, null).nodes).toBe(1);
    expect(fill(5)).toBe(LIMITS.xenstoreNodesPerDomainMax);
    expect(put('data/more', '', by(5))).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(put('data/d0', 'existing', by(5)).ok).toBe(true);
    store.setPermissions(TOOLSTACK, '/local/domain/5/data/d0', perms('n6'));
    expect([store.usageOf(5, null).nodes, store.usageOf(6, null).nodes]).toEqual([999, 2]);
    expect(put('data/more', '', by(5)).ok).toBe(true);
    store.remove(TOOLSTACK, '/local/domain/5/data');
    expect([store.usageOf(5, null).nodes, store.usageOf(6, null).nodes]).toEqual([0, 1]);
  });

  test('X7 nodes in a transaction count when they are made and when it commits', () => {
    fill(5);
    for (let i = 0; i < 10; i += 1) store.remove(by(5), `data/d0/n${i}`);
    const t = start(5);
    for (let i = 0; i < 10; i += 1) expect(put(`data/d1/m${i}`, '', t).ok).toBe(true);
    expect(put('data/d1/over', '', t)).toEqual({ ok: false, errno: 'ENOSPC' });
    put('data/d2/meanwhile', '', by(5));
    expect(store.endTransaction(t, true)).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(store.usageOf(5, null).nodes).toBe(991);
  });

  test('X7 a node is at most 2048 bytes with its permissions and the names of its children, and has 5 permissions', () => {
    const room = LIMITS.xenstoreNodeBytesMax - 16 - 8;
    expect(put('data/v', 'x'.repeat(room), by(5)).ok).toBe(true);
    expect(put('data/v', 'x'.repeat(room + 1), by(5))).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(store.setPermissions(by(5), 'data/v', perms('n5', 'r6'))).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(put('data/v/c', '', by(5))).toEqual({ ok: false, errno: 'ENOSPC' });
    let made = 0;
    while (put(`data/w/${String(made).padStart(99, '0')}`, '', by(5)).ok) made += 1;
    expect(made).toBe(Math.floor(room / 100));
    const six = perms('n5', 'r1', 'r2', 'r3', 'r4', 'r6');
    expect(store.setPermissions(by(5), 'data', six)).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(store.setPermissions(TOOLSTACK, '/local/domain/5/data', six).ok).toBe(true);
    expect(put('/big', 'x'.repeat(4000)).ok).toBe(true);
  });

  test('X7 128 watches (E2BIG), 10 transactions, 1024 nodes in one (ENOSPC); not for domain 0', () => {
    const five = new Listener(5);
    const zero = new Listener(0);
    for (let i = 0; i < 128; i += 1) expect(store.watch(five, `p${i}`, '').ok).toBe(true);
    expect(store.watch(five, 'more', '')).toEqual({ ok: false, errno: 'E2BIG' });
    for (let i = 0; i < 200; i += 1) expect(store.watch(zero, `/p${i}`, '').ok).toBe(true);
    const open = Array.from({ length: 10 }, () => start(5));
    expect(store.startTransaction(5)).toEqual({ ok: false, errno: 'ENOSPC' });
    const first = open[0] as Caller;
    // `data` and 1023 names in it that do not exist.
    for (let i = 0; i < 1023; i += 1) expect(text(`data/n${i}`, first)).toBe('ENOENT');
    expect(text('data/n1023', first)).toBe('ENOSPC');
    expect(put('data/n1024', '', first)).toEqual({ ok: false, errno: 'ENOSPC' });
    expect(put('data/n1', '', first).ok).toBe(true);
    store.endTransaction(first, false);
    expect(store.startTransaction(5).ok).toBe(true);
    for (let i = 0; i < 50; i += 1) start(0);
  });

  test('X8 a domain that dies takes its nodes with all below, its watches and its transactions with it', () => {
    const five = new Listener(5);
    const zero = new Listener(0);
    store.setPermissions(TOOLSTACK, '/local/domain/6/data', perms('n6', 'b5'));
    put('/local/domain/6/data/five/deep', 'x', by(5));
    put('/local/domain/6/data/five/deep/six');
    put('data/x', '', by(5));
    store.watch(five, 'data', 't');
    put('/local/domain/5/data/y', '', start(5));
    store.watch(zero, '/local/domain', 'z');
    zero.take();
    store.removeDomain(5, five);
    five.take();
    expect(names('/local/domain/6/data')).toBe('');
    expect(names('/local/domain/5')).toBe('');
    expect(text('/local/domain/5')).toBe('');
    expect(zero.take().sort()).toEqual(['/local/domain/5/data z', '/local/domain/6/data/five z']);
    put('/local/domain/5/data/x');
    expect(five.take()).toEqual([]);
    expect(store.knows(5)).toBe(false);
    expect(store.size().versions).toBe(store.size().nodes);
  });
});
