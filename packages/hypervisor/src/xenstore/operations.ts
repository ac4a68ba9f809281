import type { XsAnswer, XsErrno } from '../abi/xs-wire.js';
import { LIMITS } from '../limits.js';
import type { Account, Accounts } from './accounts.js';
import { absolutePath, isSpecial, nameOf, parentOf } from './path.js';
import { grants, type Permission } from './permissions.js';
import type { SeenNode, StoreNode } from './version-tree.js';
import { type NodeChange, subtreeOf, type View } from './view.js';

/** Whose operation it is, on what it sees of the tree. */
export interface OperationContext {
  readonly account: Account;
  readonly accounts: Accounts;
  readonly view: View;
  readonly generation: number;
  /** How many nodes the caller owns, as this view has it. */
  readonly ownedNodes: number;
}

/** What an operation wants to be done, and what it answers. `fires` are the paths whose watches hear of it. */
export interface Plan<T> {
  value: T;
  changes: NodeChange[];
  fires: { path: string; exact: boolean }[];
}

type Planned<T> = XsAnswer<Plan<T>>;

const EMPTY = new Uint8Array(0);
/** What xenstored stores with each node and each permission of it (struct node_hdr, struct xs_permissions). */
const NODE_HEADER_BYTES = 16;
const PERMISSION_BYTES = 8;

/*
 * The operations of the xenstore as plans: they look, decide and answer, and change nothing. The order of their checks
 * and their errors are those of xenstored (tools/xenstored/core.c).
 */

export function planRead(ctx: OperationContext, path: string): Planned<Uint8Array> {
  const found = lookUp(ctx, path, 'read');
  return found.ok ? answered(found.value.seen.node.value.slice()) : found;
}

/** The names of the children in order, and the generation of the list. */
export function planDirectory(
  ctx: OperationContext,
  path: string,
): Planned<{ names: string[]; generation: number }> {
  const found = lookUp(ctx, path, 'read');
  if (!found.ok) return found;
  const { absolute, seen } = found.value;
  return answered({ names: ctx.view.childrenOf(absolute), generation: seen.generation });
}

export function planWrite(ctx: OperationContext, path: string, value: Uint8Array): Planned<null> {
  const found = lookUp(ctx, path, 'write');
  if (!found.ok) return found.errno === 'ENOENT' ? create(ctx, path, value.slice()) : found;
  const { absolute, seen } = found.value;
  const { permissions, permissionsSetAt } = seen.node;
  const node = { value: value.slice(), permissions, permissionsSetAt };
  if (tooLarge(ctx, node, seen.childrenBytes)) return refused('ENOSPC');
  return changed(absolute, [{ path: absolute, node }]);
}

export function planMakeDirectory(ctx: OperationContext, path: string): Planned<null> {
  const found = lookUp(ctx, path, 'write');
  if (found.ok) return answered(null);
  return found.errno === 'ENOENT' ? create(ctx, path, EMPTY) : found;
}

export function planRemove(ctx: OperationContext, path: string): Planned<null> {
  const found = lookUp(ctx, path, 'write');
  if (!found.ok) {
    const absolute = absolutePath(ctx.account.domId, path);
    const parent = absolute === null ? null : parentOf(absolute);
    const gone = found.errno === 'ENOENT' && parent !== null && ctx.view.find(parent) !== null;
    return gone ? answered(null) : found;
  }
  const { absolute } = found.value;
  if (absolute === '/') return refused('EINVAL');
  ctx.view.find(parentOf(absolute) as string);
  const paths = subtreeOf(ctx.view, absolute);
  return {
    ok: true,
    value: {
      value: null,
      changes: paths.map((p) => ({ path: p, node: null })),
      fires: [...paths].reverse().map((p) => ({ path: p, exact: p !== absolute })),
    },
  };
}

export function planGetPermissions(ctx: OperationContext, path: string): Planned<readonly Permission[]> {
  const found = lookUp(ctx, path, 'read', true);
  return found.ok ? answered(found.value.seen.node.permissions) : found;
}

export function planSetPermissions(
  ctx: OperationContext,
  path: string,
  permissions: readonly Permission[],
): Planned<null> {
  const { account, accounts } = ctx;
  const privileged = accounts.isPrivileged(account.domId);
  const owner = permissions[0];
  if (owner === undefined) return refused('EINVAL');
  if (!privileged && permissions.length > LIMITS.xenstorePermissionsPerNodeMax) return refused('ENOSPC');
  if (!accounts.speaksOf(owner, ctx.generation)) return refused('ENOENT');
  const found = lookUp(ctx, path, 'write', true);
  if (!found.ok) return found;
  const { absolute, seen } = found.value;
  if (!accounts.owns(account.domId, seen.node)) return refused('EACCES');
  if (!privileged && owner.domId !== seen.node.permissions[0]?.domId) return refused('EPERM');
  const node = {
    value: seen.node.value,
    permissions: permissions.map(({ domId, access }) => ({ domId, access })),
    permissionsSetAt: ctx.generation,
  };
  if (tooLarge(ctx, node, seen.childrenBytes)) return refused('ENOSPC');
  const changes = [{ path: absolute, node }];
  // Who watches a special name waits for what it stands for, not for its permissions.
  return isSpecial(absolute)
    ? { ok: true, value: { value: null, changes, fires: [] } }
    : changed(absolute, changes);
}

/** A node with everything missing above it; what a domain creates is its own, otherwise permissions are inherited. */
function create(ctx: OperationContext, path: string, value: Uint8Array): Planned<null> {
  const { account, accounts, view } = ctx;
  const absolute = absolutePath(account.domId, path) as string;
  const missing = [absolute];
  let above = parentOf(absolute) as string;
  let existing = view.find(above);
  while (existing === null) {
    missing.unshift(above);
    above = parentOf(above) as string;
    existing = view.find(above);
  }
  const privileged = accounts.isPrivileged(account.domId);
  if (!privileged && ctx.ownedNodes + missing.length > LIMITS.xenstoreNodesPerDomainMax)
    return refused('ENOSPC');
  const permissions = inherited(ctx, existing.node, privileged);
  const nodes = missing.map((at) => ({
    path: at,
    node: { value: at === absolute ? value : EMPTY, permissions, permissionsSetAt: ctx.generation },
  }));
  const grown = existing.childrenBytes + nameOf(missing[0] as string).length + 1;
  if (tooLarge(ctx, existing.node, grown)) return refused('ENOSPC');
  for (const [i, { node }] of nodes.entries()) {
    const below = missing[i + 1];
    if (tooLarge(ctx, node, below === undefined ? 0 : nameOf(below).length + 1)) return refused('ENOSPC');
  }
  return changed(absolute, nodes);
}

function inherited(ctx: OperationContext, parent: StoreNode, privileged: boolean): Permission[] {
  const live = parent.permissions.filter(
    (p, i) => i === 0 || ctx.accounts.speaksOf(p, parent.permissionsSetAt),
  );
  const owner = live[0] as Permission;
  return privileged ? live : [{ domId: ctx.account.domId, access: owner.access }, ...live.slice(1)];
}

/**
 * The node, if the caller may do this with it. Who may not even look above does not learn whether it exists: EACCES
 * instead of ENOENT (xenstored's errno_from_parents).
 */
function lookUp(
  { account, accounts, view }: OperationContext,
  path: string,
  wanted: 'read' | 'write',
  special = false,
): XsAnswer<{ absolute: string; seen: SeenNode }> {
  const absolute = special && isSpecial(path) ? path : absolutePath(account.domId, path);
  if (absolute === null) return refused('EINVAL');
  const seen = view.find(absolute);
  if (seen !== null) {
    const may = grants(accounts.accessOf(account.domId, seen.node), wanted);
    return may ? { ok: true, value: { absolute, seen } } : refused('EACCES');
  }
  for (let above = parentOf(absolute); above !== null; above = parentOf(above)) {
    const found = view.find(above);
    if (found === null) continue;
    return refused(grants(accounts.accessOf(account.domId, found.node), wanted) ? 'ENOENT' : 'EACCES');
  }
  return refused('ENOENT');
}

function tooLarge({ account, accounts }: OperationContext, node: StoreNode, childrenBytes: number): boolean {
  if (accounts.isPrivileged(account.domId)) return false;
  const { value, permissions } = node;
  const bytes = NODE_HEADER_BYTES + PERMISSION_BYTES * permissions.length + value.length + childrenBytes;
  return bytes > LIMITS.xenstoreNodeBytesMax;
}

function answered<T>(value: T): Planned<T> {
  return { ok: true, value: { value, changes: [], fires: [] } };
}

function changed(path: string, changes: NodeChange[]): Planned<null> {
  return { ok: true, value: { value: null, changes, fires: [{ path, exact: false }] } };
}

function refused(errno: XsErrno): { ok: false; errno: XsErrno } {
  return { ok: false, errno };
}
