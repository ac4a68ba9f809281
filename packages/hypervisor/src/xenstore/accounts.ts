import type { Access, Permission } from './permissions.js';
import { PRIVILEGED_DOMAIN } from './permissions.js';
import type { StoreNode } from './version-tree.js';
import type { Transaction } from './view.js';

/** What the store knows and counts of one domain. */
export interface Account {
  readonly domId: number;
  /** The generation at which it became known: permissions set before speak of an earlier domain of this id. */
  readonly bornAt: number;
  /** The paths of the nodes it owns. */
  readonly owned: Set<string>;
  readonly transactions: Map<number, Transaction>;
  nextTransactionId: number;
}

/**
 * The domains the store knows, and what a node's permissions mean to them. Nobody becomes another by getting the
 * number of a domain that died.
 */
export class Accounts {
  private readonly byDomain = new Map<number, Account>();

  add(domId: number, bornAt: number): Account {
    const account = {
      domId,
      bornAt,
      owned: new Set<string>(),
      transactions: new Map(),
      nextTransactionId: 1,
    };
    this.byDomain.set(domId, account);
    return account;
  }

  get(domId: number): Account | undefined {
    return this.byDomain.get(domId);
  }

  delete(domId: number): void {
    this.byDomain.delete(domId);
  }

  isPrivileged(domId: number): boolean {
    return domId === PRIVILEGED_DOMAIN;
  }

  /** A permission that was set while this domain, and no earlier one of its id, was known. */
  speaksOf({ domId }: Permission, setAt: number): boolean {
    const account = this.byDomain.get(domId);
    return account !== undefined && account.bornAt <= setAt;
  }

  /** xenstored's perm_for_conn: the owner and domain 0 may do everything, others what is said of them or of all. */
  accessOf(domId: number, { permissions, permissionsSetAt }: StoreNode): Access {
    if (this.ownsOf(domId, permissions, permissionsSetAt)) return 'b';
    const named = permissions.find(
      (p, i) => i > 0 && p.domId === domId && this.speaksOf(p, permissionsSetAt),
    );
    return (named ?? permissions[0])?.access ?? 'n';
  }

  owns(domId: number, { permissions, permissionsSetAt }: StoreNode): boolean {
    return this.ownsOf(domId, permissions, permissionsSetAt);
  }

  /** Keeps the books of owners when a node takes the place of another. */
  moveNode(path: string, before: StoreNode | null, after: StoreNode | null): void {
    const from = before?.permissions[0]?.domId;
    const to = after?.permissions[0]?.domId;
    if (from === to) return;
    if (from !== undefined) this.byDomain.get(from)?.owned.delete(path);
    if (to !== undefined) this.byDomain.get(to)?.owned.add(path);
  }

  private ownsOf(domId: number, permissions: readonly Permission[], setAt: number): boolean {
    if (this.isPrivileged(domId)) return true;
    const owner = permissions[0];
    return owner !== undefined && owner.domId === domId && this.speaksOf(owner, setAt);
  }
}
