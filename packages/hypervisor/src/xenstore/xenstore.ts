import { assert } from '../base/assert.js';
import { XS_RELATIVE_PATH_MAX, type XsAnswer } from '../abi/xs-wire.js';
import { LIMITS } from '../limits.js';
import { type Account, Accounts } from './accounts.js';
import {
  type OperationContext,
  type Plan,
  planDirectory,
  planGetPermissions,
  planMakeDirectory,
  planRead,
  planRemove,
  planSetPermissions,
  planWrite,
} from './operations.js';
import {
  absolutePath,
  childOf,
  homeOf,
  isSpecial,
  parentOf,
  SPECIAL_NODES,
  type SpecialNode,
} from './path.js';
import { grants, type Permission, PRIVILEGED_DOMAIN } from './permissions.js';
import { type StoreNode, VersionTree } from './version-tree.js';
import { DirectView, type NodeChange, subtreeOf, Transaction } from './view.js';
import { type Watch, type Watcher, Watches } from './watches.js';

/** Who asks: a domain, outside (0) or inside one of its transactions. */
export interface Caller {
  domId: number;
  transactionId: number;
}

/** Domain 0 outside transactions. */
export const TOOLSTACK: Caller = { domId: PRIVILEGED_DOMAIN, transactionId: 0 };

/** The root and the special names are domain 0's alone until it says otherwise. */
const PERMANENT_PERMISSIONS: readonly Permission[] = [{ domId: PRIVILEGED_DOMAIN, access: 'n' }];

function isPermanent(path: string): boolean {
  return path === '/' || isSpecial(path);
}

/** One line of a listing. */
export interface XenstoreLine {
  path: string;
  value: Uint8Array;
  permissions: readonly Permission[];
}

/**
 * Design: the store of xenstored without its wire: a tree of nodes with owners and permissions, transactions, watches
 * and what each domain may hold. Operations are planned on a view (the tree, or a transaction) and then applied whole;
 * nodes keep older versions only while a transaction sees them.
 * Invariants: an operation that answers an error changed nothing; every node's owner is known and counts it; work is in
 * proportion to the nodes touched (`touched`) and the watches that fire, whatever else is in the store.
 */
export class Xenstore {
  private readonly tree = new VersionTree();
  private readonly direct = new DirectView(this.tree);
  private readonly accounts = new Accounts();
  private readonly watches = new Watches();
  /** Nodes looked at or changed, and events fired, since the start. */
  touched = 0;
  eventsFired = 0;

  constructor() {
    this.addDomain(PRIVILEGED_DOMAIN);
    this.tree.beginChange();
    for (const path of ['/', ...SPECIAL_NODES]) {
      const value = new Uint8Array(0);
      const permissionsSetAt = this.tree.generation;
      const node = { value, permissions: PERMANENT_PERMISSIONS, permissionsSetAt };
      this.tree.put(path, node);
      this.accounts.moveNode(path, null, node);
    }
  }

  /** From now on permissions may name the domain, and it may ask. Its number is in no use. */
  addDomain(domId: number): void {
    assert(this.accounts.get(domId) === undefined, () => `xenstore knows domain ${domId} already`);
    this.tree.beginChange();
    this.accounts.add(domId, this.tree.generation);
  }

  /** The domain is dead: its transactions and watches end, and the nodes it owns go with all below them. */
  removeDomain(domId: number, watcher: Watcher | null): void {
    const account = this.accounts.get(domId);
    if (account === undefined || domId === PRIVILEGED_DOMAIN) return;
    this.reset(domId, watcher);
    while (account.owned.size > 0) this.disown(account.owned.values().next().value as string);
    this.accounts.delete(domId);
  }

  read(caller: Caller, path: string): XsAnswer<Uint8Array> {
    return this.perform(caller, (ctx) => planRead(ctx, path));
  }

  directory(caller: Caller, path: string): XsAnswer<{ names: string[]; generation: number }> {
    return this.perform(caller, (ctx) => planDirectory(ctx, path));
  }

  write(caller: Caller, path: string, value: Uint8Array): XsAnswer<null> {
    return this.perform(caller, (ctx) => planWrite(ctx, path, value));
  }

  makeDirectory(caller: Caller, path: string): XsAnswer<null> {
    return this.perform(caller, (ctx) => planMakeDirectory(ctx, path));
  }

  remove(caller: Caller, path: string): XsAnswer<null> {
    return this.perform(caller, (ctx) => planRemove(ctx, path));
  }

  permissions(caller: Caller, path: string): XsAnswer<readonly Permission[]> {
    return this.perform(caller, (ctx) => planGetPermissions(ctx, path));
  }

  setPermissions(caller: Caller, path: string, permissions: readonly Permission[]): XsAnswer<null> {
    return this.perform(caller, (ctx) => planSetPermissions(ctx, path, permissions));
  }

  /** The id of a new transaction. ENOSPC: too many are open. */
  startTransaction(domId: number): XsAnswer<number> {
    const account = this.accountOf(domId);
    const privileged = this.accounts.isPrivileged(domId);
    if (!privileged && account.transactions.size >= LIMITS.xenstoreTransactionsPerDomainMax)
      return { ok: false, errno: 'ENOSPC' };
    while (account.nextTransactionId === 0 || account.transactions.has(account.nextTransactionId))
      account.nextTransactionId = (account.nextTransactionId + 1) >>> 0;
    const id = account.nextTransactionId;
    account.nextTransactionId = (id + 1) >>> 0;
    const nodesMax = privileged ? Number.MAX_SAFE_INTEGER : LIMITS.xenstoreNodesPerTransactionMax;
    const snapshot = this.tree.takeSnapshot();
    account.transactions.set(id, new Transaction(id, domId, snapshot, this.tree, nodesMax));
    return { ok: true, value: id };
  }

  /** ENOENT: no such transaction. EAGAIN: something it read or wrote was changed meanwhile. ENOSPC: a quota. */
  endTransaction({ domId, transactionId }: Caller, commit: boolean): XsAnswer<null> {
    const account = this.accountOf(domId);
    const transaction = account.transactions.get(transactionId);
    if (transaction === undefined) return { ok: false, errno: 'ENOENT' };
    account.transactions.delete(transactionId);
    const changes = commit ? transaction.difference() : [];
    const refusal = commit ? this.refusalOf(transaction, changes) : null;
    this.touched += transaction.accessed.size + this.tree.dropSnapshot(transaction.snapshot);
    if (refusal !== null) return { ok: false, errno: refusal };
    if (commit)
      this.commit(
        changes,
        [...transaction.fired].map(([path, exact]) => ({ path, exact })),
      );
    return { ok: true, value: null };
  }

  /** EINVAL; EEXIST: already watched with this token; E2BIG: too many. Tells once of the watched path itself. */
  watch(watcher: Watcher, written: string, token: string): XsAnswer<null> {
    const { domId } = watcher;
    const special = written.startsWith('@');
    if (special && (!isSpecial(written) || written.length > XS_RELATIVE_PATH_MAX))
      return { ok: false, errno: 'EINVAL' };
    const path = special ? written : absolutePath(domId, written);
    if (path === null) return { ok: false, errno: 'EINVAL' };
    if (this.watches.has(watcher, path, token)) return { ok: false, errno: 'EEXIST' };
    const full = this.watches.countOf(watcher) >= LIMITS.xenstoreWatchesPerDomainMax;
    if (full && !this.accounts.isPrivileged(domId)) return { ok: false, errno: 'E2BIG' };
    const relative = !special && !written.startsWith('/');
    const hiddenCharacters = relative ? homeOf(domId).length + 1 : 0;
    const watch = this.watches.add({ watcher, path, written, token, hiddenCharacters });
    this.eventsFired += 1;
    watcher.fire(watch, written);
    return { ok: true, value: null };
  }

  /** The watch that is gone. EINVAL; ENOENT: no such watch. */
  unwatch(watcher: Watcher, written: string, token: string): XsAnswer<Watch> {
    const path = isSpecial(written) ? written : absolutePath(watcher.domId, written);
    if (path === null) return { ok: false, errno: 'EINVAL' };
    const removed = this.watches.remove(watcher, path, token);
    return removed === null ? { ok: false, errno: 'ENOENT' } : { ok: true, value: removed };
  }

  /** Ends every watch and transaction of a domain (RESET_WATCHES, a new connection, death). */
  reset(domId: number, watcher: Watcher | null): void {
    if (watcher !== null) this.watches.removeAll(watcher);
    const { transactions } = this.accountOf(domId);
    for (const { snapshot } of transactions.values()) this.touched += this.tree.dropSnapshot(snapshot);
    transactions.clear();
  }

  /** `@introduceDomain` or `@releaseDomain` happened. */
  fireSpecial(name: SpecialNode): void {
    const node = this.tree.find(name)?.node as StoreNode;
    this.eventsFired += this.watches.fire(name, false, (domId) =>
      grants(this.accounts.accessOf(domId, node), 'read'),
    );
  }

  /** A node and all below it, each followed by its children in order; null when there is none. For tools. */
  list(path: string): XenstoreLine[] | null {
    if (this.tree.find(path) === null) return null;
    const lines: XenstoreLine[] = [];
    const ahead = [path];
    for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
      const { value, permissions } = this.tree.find(at)?.node as StoreNode;
      lines.push({ path: at, value: value.slice(), permissions });
      for (const name of this.tree.childrenOf(at).reverse()) ahead.push(childOf(at, name));
    }
    return lines;
  }

  knows(domId: number): boolean {
    return this.accounts.get(domId) !== undefined;
  }

  /** What a domain holds of its quotas. */
  usageOf(domId: number, watcher: Watcher | null): { nodes: number; watches: number; transactions: number } {
    const { owned, transactions } = this.accountOf(domId);
    const watches = watcher === null ? 0 : this.watches.countOf(watcher);
    return { nodes: owned.size, watches, transactions: transactions.size };
  }

  /** All nodes, special ones included, and all kept versions of them. */
  size(): { nodes: number; versions: number } {
    return { nodes: this.tree.count, versions: this.tree.countVersions() };
  }

  private perform<T>(
    { domId, transactionId }: Caller,
    plan: (ctx: OperationContext) => XsAnswer<Plan<T>>,
  ): XsAnswer<T> {
    const account = this.accountOf(domId);
    const transaction = transactionId === 0 ? null : account.transactions.get(transactionId);
    if (transaction === undefined) return { ok: false, errno: 'ENOENT' };
    const view = transaction ?? this.direct;
    const before = view.touched;
    const planned = plan({
      account,
      accounts: this.accounts,
      view,
      // What is set now is set after everything that happened, and after the births until now.
      generation: this.tree.generation,
      ownedNodes: account.owned.size + (transaction?.nodeCounts.get(domId) ?? 0),
    });
    this.touched += view.touched - before;
    if (transaction?.overflowed) {
      transaction.overflowed = false;
      return { ok: false, errno: 'ENOSPC' };
    }
    if (!planned.ok) return planned;
    const { value, changes, fires } = planned.value;
    if (transaction === null) this.commit(changes, fires);
    else this.remember(transaction, changes, fires);
    return { ok: true, value };
  }

  private remember(
    transaction: Transaction,
    changes: readonly NodeChange[],
    fires: Plan<null>['fires'],
  ): void {
    for (const change of changes) transaction.apply(change);
    this.touched += changes.length;
    for (const { path, exact } of fires)
      transaction.fired.set(path, exact && (transaction.fired.get(path) ?? true));
  }

  /** Why a transaction cannot be committed; null when it can. */
  private refusalOf(transaction: Transaction, changes: readonly NodeChange[]): 'EAGAIN' | 'ENOSPC' | null {
    for (const path of transaction.accessed)
      if (this.tree.changedSince(path, transaction.snapshot)) return 'EAGAIN';
    for (const { node } of changes) {
      const owner = node?.permissions[0];
      // The owner died, and perhaps another has its number: what was written for it is not the new one's.
      if (node !== null && owner !== undefined && !this.accounts.speaksOf(owner, node.permissionsSetAt))
        return 'EAGAIN';
    }
    for (const [owner, count] of transaction.nodeCounts) {
      const owned = this.accounts.get(owner)?.owned.size ?? 0;
      const limited = !this.accounts.isPrivileged(transaction.domId) && owner === transaction.domId;
      if (limited && count > 0 && owned + count > LIMITS.xenstoreNodesPerDomainMax) return 'ENOSPC';
    }
    return null;
  }

  /** Applies changes as one, then tells who watches. */
  private commit(changes: readonly NodeChange[], fires: readonly { path: string; exact: boolean }[]): void {
    const before = fires.map(({ path }) => this.tree.find(path)?.node ?? null);
    if (changes.length > 0) this.tree.beginChange();
    for (const { path, node } of changes) {
      const old = this.tree.find(path)?.node ?? null;
      if (node === null) this.tree.remove(path);
      else this.tree.put(path, node);
      this.accounts.moveNode(path, old, node);
    }
    this.touched += changes.length;
    for (const [i, { path, exact }] of fires.entries()) this.fire(path, exact, before[i] ?? null);
  }

  /** Who may read the node, as it was or as it is, or its parent, may hear of it (xenstored's watch_permitted). */
  private fire(path: string, exact: boolean, before: StoreNode | null): void {
    const parent = parentOf(path);
    const nodes = [before, this.tree.find(path)?.node, parent === null ? null : this.tree.find(parent)?.node];
    this.eventsFired += this.watches.fire(path, exact, (domId) =>
      nodes.some((node) => node && grants(this.accounts.accessOf(domId, node), 'read')),
    );
  }

  /** The owner of this node is dead: it goes with all below. What cannot go is domain 0's again. */
  private disown(path: string): void {
    if (isPermanent(path)) {
      const { value } = this.tree.find(path)?.node as StoreNode;
      const node = { value, permissions: PERMANENT_PERMISSIONS, permissionsSetAt: this.tree.generation };
      this.commit([{ path, node }], []);
      return;
    }
    const paths = subtreeOf(this.direct, path);
    const changes = paths.map((p) => ({ path: p, node: null }));
    this.commit(
      changes,
      [...paths].reverse().map((p) => ({ path: p, exact: p !== path })),
    );
  }

  private accountOf(domId: number): Account {
    const account = this.accounts.get(domId);
    assert(account !== undefined, () => `xenstore does not know domain ${domId}`);
    return account;
  }
}
