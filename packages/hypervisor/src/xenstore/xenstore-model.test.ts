import { describe, expect, test } from '@jest/globals';
import { type XsAnswer, xsBytes, xsText } from '../abi/xs-wire.js';
import { Prng } from '../base/prng.js';
import type { Access, Permission } from './permissions.js';
import type { Watch, Watcher } from './watches.js';
import { type Caller, Xenstore } from './xenstore.js';

interface ModelNode {
  value: string;
  /** With the birth of the domain it speaks of. */
  perms: { domId: number; access: Access; life: number }[];
}

type Tree = Map<string, ModelNode>;

interface ModelTransaction {
  base: Tree;
  baseRevisions: Map<string, number>;
  tree: Tree;
  accessed: Set<string>;
  fired: Map<string, boolean>;
}

const parentOf = (path: string): string =>
  path.lastIndexOf('/') <= 0 ? '/' : path.slice(0, path.lastIndexOf('/'));
const isBelow = (path: string, above: string): boolean =>
  above === '/' ? path !== '/' : path.startsWith(`${above}/`);

/**
 * The store as one would write it without a thought for cost: a map from path to node, a whole copy for each
 * transaction, a revision for each path, and a list of watches that is looked through for each change.
 */
class Model {
  tree: Tree = new Map([['/', { value: '', perms: [{ domId: 0, access: 'n', life: 1 }] }]]);
  private readonly revisions = new Map<string, number>();
  private revision = 1;
  private readonly lives = new Map<number, number>([[0, 1]]);
  private nextLife = 2;
  readonly transactions = new Map<string, ModelTransaction>();
  watches: { domId: number; path: string; token: string }[] = [];
  events: string[] = [];

  born(domId: number): void {
    this.lives.set(domId, this.nextLife++);
  }

  died(domId: number): void {
    for (const key of [...this.transactions.keys()])
      if (key.startsWith(`${domId}:`)) this.transactions.delete(key);
    this.watches = this.watches.filter((w) => w.domId !== domId);
    for (const [path, { perms }] of [...this.tree])
      if (path !== '/' && perms[0]?.domId === domId && this.tree.has(path))
        this.removeTree(this.tree, path, null);
    const root = this.tree.get('/')!;
    if (root.perms[0]?.domId === domId) {
      this.tree.set('/', { value: root.value, perms: [{ domId: 0, access: 'n', life: 1 }] });
      this.touch('/', false);
    }
    this.lives.delete(domId);
  }

  lifeOf(domId: number): number {
    return this.lives.get(domId) ?? 0;
  }

  access(domId: number, { perms }: ModelNode): string {
    if (domId === 0) return 'rwo';
    const mine = (p: ModelNode['perms'][number]): boolean =>
      p.domId === domId && p.life === this.lives.get(domId);
    if (mine(perms[0]!)) return 'rwo';
    const { access } = perms.slice(1).find(mine) ?? perms[0]!;
    return { n: '', r: 'r', w: 'w', b: 'rw' }[access];
  }

  perform(domId: number, tx: number, op: string, path: string, argument: string | Permission[]): string {
    const t = tx === 0 ? null : this.transactions.get(`${domId}:${tx}`);
    if (t === undefined) return 'ENOENT';
    const tree = t?.tree ?? this.tree;
    const see = (p: string): ModelNode | undefined => (t?.accessed.add(p), tree.get(p));
    const wanted = ['read', 'list', 'perms'].includes(op) ? 'r' : 'w';
    const list =
      op === 'setperms' ? (argument as Permission[]).map((p) => ({ ...p, life: this.lifeOf(p.domId) })) : [];
    if (list[0]?.life === 0) return 'ENOENT';
    const node = see(path);
    let error: string | null = null;
    if (node !== undefined && !this.access(domId, node).includes(wanted)) error = 'EACCES';
    if (node === undefined) {
      let above = parentOf(path);
      while (see(above) === undefined) above = parentOf(above);
      error = this.access(domId, tree.get(above)!).includes(wanted) ? 'ENOENT' : 'EACCES';
    }
    if (op === 'rm') {
      if (error === 'ENOENT' && see(parentOf(path)) !== undefined) return 'ok';
      if (error !== null) return error;
      if (path === '/') return 'EINVAL';
      see(parentOf(path));
      for (const p of tree.keys()) if (isBelow(p, path)) see(p);
      this.removeTree(tree, path, t);
      return 'ok';
    }
    if (op === 'mkdir' && error === null) return 'ok';
    if ((op === 'write' || op === 'mkdir') && error === 'ENOENT') {
      this.create(tree, path, domId, op === 'write' ? (argument as string) : '', t);
      return 'ok';
    }
    if (op === 'setperms') {
      if (error !== null) return error;
      if (!this.access(domId, node!).includes('o')) return 'EACCES';
      if (domId !== 0 && list[0]!.domId !== node!.perms[0]!.domId) return 'EPERM';
      this.change(tree, path, { value: node!.value, perms: list }, t);
      return 'ok';
    }
    if (error !== null) return error;
    if (op === 'read') return `=${node!.value}`;
    if (op === 'perms') return `=${node!.perms.map((p) => p.access + p.domId).join()}`;
    if (op === 'list') return `=${this.childrenOf(tree, path).join()}`;
    this.change(tree, path, { value: argument as string, perms: node!.perms }, t);
    return 'ok';
  }

  start(domId: number, id: number): void {
    this.transactions.set(`${domId}:${id}`, {
      base: new Map(this.tree),
      baseRevisions: new Map(this.revisions),
      tree: new Map(this.tree),
      accessed: new Set(),
      fired: new Map(),
    });
  }

  end(domId: number, id: number, commit: boolean): string {
    const t = this.transactions.get(`${domId}:${id}`);
    if (t === undefined) return 'ENOENT';
    this.transactions.delete(`${domId}:${id}`);
    if (!commit) return 'ok';
    for (const path of t.accessed) {
      const there = this.tree.has(path) || t.base.has(path);
      if (there && this.revisions.get(path) !== t.baseRevisions.get(path)) return 'EAGAIN';
    }
    const changed = [...new Set([...t.base.keys(), ...t.tree.keys()])].filter(
      (p) => t.base.get(p) !== t.tree.get(p),
    );
    for (const path of changed) {
      const owner = t.tree.get(path)?.perms[0];
      if (owner !== undefined && this.lives.get(owner.domId) !== owner.life) return 'EAGAIN';
    }
    const before = new Map(this.tree);
    for (const path of changed) {
      const node = t.tree.get(path);
      if (node === undefined) this.tree.delete(path);
      else this.tree.set(path, node);
      this.touch(path, before.has(path) !== (node !== undefined));
    }
    for (const [path, exact] of t.fired) this.fire(path, exact, before);
    return 'ok';
  }

  private create(tree: Tree, path: string, domId: number, value: string, t: ModelTransaction | null): void {
    const missing = [path];
    while (!tree.has(parentOf(missing[0]!))) missing.unshift(parentOf(missing[0]!));
    const above = tree.get(parentOf(missing[0]!))!;
    const perms = above.perms.filter((p, i) => i === 0 || this.lives.get(p.domId) === p.life);
    if (domId !== 0) perms[0] = { ...perms[0]!, domId, life: this.lifeOf(domId) };
    const before = new Map(tree);
    for (const p of missing) {
      tree.set(p, { value: p === path ? value : '', perms });
      if (t === null) this.touch(p, true);
    }
    if (t === null) this.fire(path, false, before);
    else t.fired.set(path, false);
  }

  private change(tree: Tree, path: string, node: ModelNode, t: ModelTransaction | null): void {
    const before = new Map(tree);
    tree.set(path, node);
    if (t === null) {
      this.touch(path, false);
      this.fire(path, false, before);
    } else t.fired.set(path, false);
  }

  private removeTree(tree: Tree, path: string, t: ModelTransaction | null): void {
    const before = new Map(tree);
    const gone = [...tree.keys()].filter((p) => p === path || isBelow(p, path));
    for (const p of gone) {
      tree.delete(p);
      if (t === null) this.touch(p, true);
    }
    for (const p of gone) {
      const exact = p !== path;
      if (t === null) this.fire(p, exact, before);
      else t.fired.set(p, exact && (t.fired.get(p) ?? true));
    }
  }

  private touch(path: string, listChanged: boolean): void {
    this.revisions.set(path, this.revision++);
    if (listChanged) this.revisions.set(parentOf(path), this.revision++);
  }

  private childrenOf(tree: Tree, path: string): string[] {
    const below = [...tree.keys()].filter((p) => p !== '/' && parentOf(p) === path);
    return below.map((p) => p.slice(p.lastIndexOf('/') + 1)).sort();
  }

  private fire(path: string, exact: boolean, before: Tree): void {
    for (const w of this.watches) {
      if (path !== w.path && (exact || !isBelow(path, w.path))) continue;
      const nodes = [
        before.get(path),
        this.tree.get(path),
        path === '/' ? undefined : this.tree.get(parentOf(path)),
      ];
      if (nodes.some((n) => n !== undefined && this.access(w.domId, n).includes('r')))
        this.events.push(`${w.domId} ${path} ${w.token}`);
    }
  }
}

const DOMAINS = [0, 5, 6];
const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/a/b/c/d', '/a/e', '/f', '/f/g', '/f/g/h', '/f-g'];

class Recorder implements Watcher {
  constructor(
    readonly domId: number,
    private readonly heard: string[],
  ) {}
  fire(watch: Watch, path: string): void {
    this.heard.push(`${this.domId} ${path} ${watch.token}`);
  }
}

/** The same random calls to the store and to the model; every answer and event is compared. */
function simulate(seed: number, steps: number): void {
  const prng = new Prng(seed);
  const store = new Xenstore();
  const model = new Model();
  const heard: string[] = [];
  const watchers = new Map<number, Recorder>([[0, new Recorder(0, heard)]]);
  const open: Caller[] = [];
  const say = (what: string): string => `seed ${seed}: ${what}`;
  const text = (a: XsAnswer<unknown>, value: () => string = () => 'ok'): string => (a.ok ? value() : a.errno);
  const randomPerms = (): Permission[] =>
    Array.from({ length: prng.between(1, 3) }, () => ({
      domId: prng.pick([0, 5, 6, 9]),
      access: prng.pick(['n', 'r', 'w', 'b'] as const),
    }));
  for (let step = 0; step < steps; step += 1) {
    const domId = prng.pick(DOMAINS.filter((d) => watchers.has(d)));
    const path = prng.pick(PATHS);
    const inside =
      prng.below(2) === 0 ? prng.pick([...open, { domId, transactionId: 0 }]) : { domId, transactionId: 0 };
    const { domId: who, transactionId: tx } = inside;
    const value = String(step);
    const kind = prng.below(20);
    let got = '';
    let expected = '';
    if (kind < 13) {
      const op = prng.pick(['read', 'write', 'write', 'mkdir', 'rm', 'list', 'perms', 'setperms']);
      const perms = randomPerms();
      expected = model.perform(who, tx, op, path, op === 'setperms' ? perms : value);
      if (op === 'read') {
        const read = store.read(inside, path);
        got = text(read, () => (read.ok ? `=${xsText(read.value)}` : ''));
      } else if (op === 'list') {
        const list = store.directory(inside, path);
        got = text(list, () => (list.ok ? `=${list.value.names.join()}` : ''));
      } else if (op === 'perms') {
        const list = store.permissions(inside, path);
        got = text(list, () => (list.ok ? `=${list.value.map((p) => p.access + p.domId).join()}` : ''));
      } else if (op === 'write') got = text(store.write(inside, path, xsBytes(value)));
      else if (op === 'mkdir') got = text(store.makeDirectory(inside, path));
      else if (op === 'rm') got = text(store.remove(inside, path));
      else got = text(store.setPermissions(inside, path, perms));
      got = `${op} ${path}: ${got}`;
      expected = `${op} ${path}: ${expected}`;
    } else if (kind < 15 && open.length < 6) {
      const started = store.startTransaction(domId);
      if (started.ok) {
        open.push({ domId, transactionId: started.value });
        model.start(domId, started.value);
      }
    } else if (kind < 18 && open.length > 0) {
      const [ended] = open.splice(prng.below(open.length), 1) as [Caller];
      const commit = prng.below(4) !== 0;
      got = text(store.endTransaction(ended, commit));
      expected = model.end(ended.domId, ended.transactionId, commit);
    } else if (kind === 18 && model.watches.length < 12) {
      const token = String(step);
      store.watch(watchers.get(domId) as Recorder, path, token);
      model.watches.push({ domId, path, token });
      model.events.push(`${domId} ${path} ${token}`);
    } else if (kind === 19 && prng.below(3) === 0) {
      const dying = prng.pick([5, 6]);
      if (watchers.has(dying)) {
        store.removeDomain(dying, watchers.get(dying) as Recorder);
        model.died(dying);
        watchers.delete(dying);
        for (let i = open.length - 1; i >= 0; i -= 1) if (open[i]?.domId === dying) open.splice(i, 1);
      } else {
        store.addDomain(dying);
        model.born(dying);
        watchers.set(dying, new Recorder(dying, heard));
      }
    }
    expect(say(got)).toBe(say(expected));
    // Which of several removed nodes is told first is not promised.
    expect([say(''), ...heard.splice(0).sort()]).toEqual([say(''), ...model.events.splice(0).sort()]);
    for (const [live, watcher] of watchers) {
      const owned = [...model.tree.values()].filter((n) => n.perms[0]?.domId === live).length;
      // Domain 0 also owns the two special names.
      expect(say(`${live} owns ${store.usageOf(live, watcher).nodes}`)).toBe(
        say(`${live} owns ${owned + (live === 0 ? 2 : 0)}`),
      );
    }
    if (open.length === 0) expect(store.size().versions).toBe(store.size().nodes);
    expect(store.size().nodes).toBe(model.tree.size + 2);
  }
}

describe('the store beside a naive one', () => {
  test.each(Array.from({ length: 6 }, (_, i) => i + 1))(
    'X1-X8 answers, events and counts are those of a plain map with whole snapshots, seed %i',
    (seed) => simulate(seed, 800),
  );
});
