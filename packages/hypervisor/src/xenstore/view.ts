import { childOf, nameOf, parentOf } from './path.js';
import type { SeenNode, Snapshot, StoreNode, VersionTree } from './version-tree.js';

/** A change that an operation wants: a node put, or (null) removed. Parents come before their children, removals after. */
export interface NodeChange {
  path: string;
  node: StoreNode | null;
}

/** The tree as one caller sees it. `touched` counts the nodes looked at, for the cost of requests. */
export interface View {
  find(path: string): SeenNode | null;
  childrenOf(path: string): string[];
  touched: number;
}

/** Sees and changes the tree as it is. */
export class DirectView implements View {
  touched = 0;

  constructor(private readonly tree: VersionTree) {}

  find(path: string): SeenNode | null {
    this.touched += 1;
    return this.tree.find(path);
  }

  childrenOf(path: string): string[] {
    return this.tree.childrenOf(path);
  }
}

/** What a transaction has done to one node that it changed, and to the list of its children. */
interface OverlayNode {
  node: StoreNode | null;
  childrenBytes: number;
  /** How often it changed in this transaction. */
  changes: number;
  /** Children created (true) or removed since the snapshot; null when there are none. */
  children: Map<string, boolean> | null;
}

/**
 * Design: a snapshot, and over it the nodes that the transaction changed. Nothing is copied until it is changed.
 * Invariants: reads see the snapshot and the transaction's own changes, nothing else; `accessed` holds every path whose
 * state an answer of the transaction depends on, so that a commit is possible exactly if none of them changed since.
 */
export class Transaction implements View {
  touched = 0;
  readonly accessed = new Set<string>();
  /** Set when a path could not be remembered: the operation at hand must fail. */
  overflowed = false;
  /** Changed paths in the order of their first change; true when only watches of exactly that path hear of it. */
  readonly fired = new Map<string, boolean>();
  /** What it adds to or takes from the nodes of each owner. */
  readonly nodeCounts = new Map<number, number>();
  private readonly overlay = new Map<string, OverlayNode>();

  constructor(
    readonly id: number,
    readonly domId: number,
    readonly snapshot: Snapshot,
    private readonly tree: VersionTree,
    private readonly nodesMax: number,
  ) {}

  find(path: string): SeenNode | null {
    this.touched += 1;
    if (!this.accessed.has(path)) {
      if (this.accessed.size >= this.nodesMax) this.overflowed = true;
      else this.accessed.add(path);
    }
    return this.look(path);
  }

  childrenOf(path: string): string[] {
    const base = this.tree.childrenAt(path, this.snapshot);
    const changed = this.overlay.get(path)?.children ?? null;
    if (changed === null) return base;
    const names = new Set(base);
    for (const [name, exists] of changed) {
      if (exists) names.add(name);
      else names.delete(name);
    }
    return [...names].sort();
  }

  apply({ path, node }: NodeChange): void {
    this.touched += 1;
    const before = this.look(path)?.node ?? null;
    const layer = this.layer(path);
    layer.node = node;
    layer.changes += 1;
    this.count(before, -1);
    this.count(node, 1);
    const parent = parentOf(path);
    if ((before === null) === (node === null) || parent === null) return;
    const above = this.layer(parent);
    const name = nameOf(path);
    above.children ??= new Map();
    above.children.set(name, node !== null);
    above.childrenBytes += (node === null ? -1 : 1) * (name.length + 1);
    above.changes += 1;
  }

  /** The difference to the snapshot, in an order in which the tree can take it: removals upwards, then the rest downwards. */
  difference(): NodeChange[] {
    const removed: NodeChange[] = [];
    const put: NodeChange[] = [];
    for (const [path, { node }] of this.overlay) {
      const base = this.tree.findAt(path, this.snapshot)?.node ?? null;
      if (base === node) continue;
      (node === null ? removed : put).push({ path, node });
    }
    removed.sort((a, b) => b.path.length - a.path.length);
    put.sort((a, b) => a.path.length - b.path.length);
    return [...removed, ...put];
  }

  private look(path: string): SeenNode | null {
    const layer = this.overlay.get(path);
    const base = this.tree.findAt(path, this.snapshot);
    if (layer === undefined) return base;
    if (layer.node === null) return null;
    const generation = (base?.generation ?? this.snapshot.generation) + layer.changes;
    return { node: layer.node, childrenBytes: layer.childrenBytes, generation };
  }

  private layer(path: string): OverlayNode {
    let layer = this.overlay.get(path);
    if (layer !== undefined) return layer;
    const base = this.tree.findAt(path, this.snapshot);
    layer = {
      node: base?.node ?? null,
      childrenBytes: base?.childrenBytes ?? 0,
      changes: 0,
      children: null,
    };
    this.overlay.set(path, layer);
    return layer;
  }

  private count(node: StoreNode | null, by: number): void {
    const owner = node?.permissions[0]?.domId;
    if (owner !== undefined) this.nodeCounts.set(owner, (this.nodeCounts.get(owner) ?? 0) + by);
  }
}

/** A node and all below it, children before their parents. */
export function subtreeOf(view: View, path: string): string[] {
  const paths = [path];
  for (let i = 0; i < paths.length; i += 1) {
    const at = paths[i] as string;
    for (const name of view.childrenOf(at)) {
      const child = childOf(at, name);
      view.find(child);
      paths.push(child);
    }
  }
  return paths.reverse();
}
