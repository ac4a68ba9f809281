import { assert } from '../base/assert.js';
import { childOf, nameOf, parentOf } from './path.js';
import type { Permission } from './permissions.js';

/** What a node holds. Never changed: a new one takes its place. */
export interface StoreNode {
  readonly value: Uint8Array;
  /** The first is the owner, and what everybody else may do. */
  readonly permissions: readonly Permission[];
  /** The generation at which the permissions were set: they do not speak of domains born later with the same id. */
  readonly permissionsSetAt: number;
}

/** A node as somebody sees it. */
export interface SeenNode {
  readonly node: StoreNode;
  /** The names of its children with a final zero each. */
  readonly childrenBytes: number;
  /** Changes whenever the value, the permissions or the list of children do. */
  readonly generation: number;
}

/** One state of a node from `generation` on, until that of `newer`. */
interface Version {
  generation: number;
  node: StoreNode | null;
  childrenBytes: number;
  previous: Version | null;
  newer: Version | null;
}

interface Entry {
  readonly path: string;
  newest: Version;
  /** The names of children of any retained version. */
  children: Set<string> | null;
}

/** The tree as it was at one instant, for as long as it is wanted. */
export interface Snapshot {
  readonly generation: number;
  /** Superseded versions for which this is the newest snapshot that sees them. */
  held: { entry: Entry; version: Version }[];
  older: Snapshot | null;
  newer: Snapshot | null;
}

/**
 * Design: the nodes in one table by path, each with its current version and those older ones that an open snapshot still
 * sees. Taking a snapshot costs nothing; a change costs what it changes. A superseded version is held by the newest
 * snapshot that sees it; when that one ends, the next older snapshot takes it over if it sees it too, else it goes.
 * Invariants: a node's parent exists; a snapshot sees exactly what there was at its generation; without snapshots
 * every node has one version.
 */
export class VersionTree {
  private readonly entries = new Map<string, Entry>();
  private newestSnapshot: Snapshot | null = null;
  generation = 0;
  /** How many nodes exist now. */
  count = 0;

  find(path: string): SeenNode | null {
    return seen(this.entries.get(path)?.newest ?? null);
  }

  findAt(path: string, snapshot: Snapshot): SeenNode | null {
    return seen(this.versionAt(path, snapshot.generation));
  }

  childrenOf(path: string): string[] {
    return this.listChildren(path, (child) => this.find(child) !== null);
  }

  childrenAt(path: string, snapshot: Snapshot): string[] {
    return this.listChildren(path, (child) => this.findAt(child, snapshot) !== null);
  }

  /** Whether a node is not what it was at the snapshot. */
  changedSince(path: string, snapshot: Snapshot): boolean {
    const newest = this.entries.get(path)?.newest;
    if (newest === undefined || newest.generation <= snapshot.generation) return false;
    return newest.node !== null || this.findAt(path, snapshot) !== null;
  }

  /** Everything until the next call becomes visible as one change. */
  beginChange(): void {
    this.generation += 1;
  }

  /** Creates or replaces a node; its parent exists. */
  put(path: string, node: StoreNode): void {
    const entry = this.entries.get(path);
    if (entry !== undefined && entry.newest.node !== null) {
      this.supersede(entry, node, entry.newest.childrenBytes);
      return;
    }
    this.count += 1;
    if (entry === undefined) this.addEntry(path, node);
    else this.supersede(entry, node, 0);
    this.childChanged(path, nameOf(path).length + 1);
  }

  /** Removes a node, whose children are gone. */
  remove(path: string): void {
    const entry = this.entries.get(path);
    assert(entry !== undefined && entry.newest.node !== null, () => `no node ${path} to remove`);
    assert(entry.newest.childrenBytes === 0, () => `node ${path} has children`);
    this.count -= 1;
    this.supersede(entry, null, 0);
    this.childChanged(path, -(nameOf(path).length + 1));
    this.dropIfGone(entry);
  }

  takeSnapshot(): Snapshot {
    const snapshot: Snapshot = {
      generation: this.generation,
      held: [],
      older: this.newestSnapshot,
      newer: null,
    };
    if (this.newestSnapshot !== null) this.newestSnapshot.newer = snapshot;
    this.newestSnapshot = snapshot;
    return snapshot;
  }

  /** The answer is how many superseded versions it held. */
  dropSnapshot(snapshot: Snapshot): number {
    const { older, newer, held } = snapshot;
    if (older !== null) older.newer = newer;
    if (newer === null) this.newestSnapshot = older;
    else newer.older = older;
    for (const { entry, version } of held) {
      if (older !== null && older.generation >= version.generation) older.held.push({ entry, version });
      else {
        unlink(version);
        this.dropIfGone(entry);
      }
    }
    snapshot.held = [];
    return held.length;
  }

  /** How many versions are kept, current ones included. */
  countVersions(): number {
    let count = 0;
    for (const entry of this.entries.values())
      for (let v: Version | null = entry.newest; v !== null; v = v.previous) count += 1;
    return count;
  }

  private versionAt(path: string, generation: number): Version | null {
    let version = this.entries.get(path)?.newest ?? null;
    while (version !== null && version.generation > generation) version = version.previous;
    return version;
  }

  private listChildren(path: string, exists: (child: string) => boolean): string[] {
    const names: string[] = [];
    for (const name of this.entries.get(path)?.children ?? [])
      if (exists(childOf(path, name))) names.push(name);
    return names.sort();
  }

  private addEntry(path: string, node: StoreNode): void {
    const newest = { generation: this.generation, node, childrenBytes: 0, previous: null, newer: null };
    this.entries.set(path, { path, newest, children: null });
    const parent = parentOf(path);
    if (parent === null) return;
    const above = this.entries.get(parent);
    assert(above !== undefined, () => `node ${path} has no parent`);
    above.children ??= new Set();
    above.children.add(nameOf(path));
  }

  /** The list of children is part of the parent: it changes with it. */
  private childChanged(path: string, bytes: number): void {
    const parent = parentOf(path);
    if (parent === null) return;
    const above = this.entries.get(parent);
    assert(above !== undefined && above.newest.node !== null, () => `node ${path} has no parent`);
    this.supersede(above, above.newest.node, above.newest.childrenBytes + bytes);
  }

  private supersede(entry: Entry, node: StoreNode | null, childrenBytes: number): void {
    const old = entry.newest;
    if (old.generation === this.generation) {
      old.node = node;
      old.childrenBytes = childrenBytes;
      return;
    }
    const version: Version = {
      generation: this.generation,
      node,
      childrenBytes,
      previous: old,
      newer: null,
    };
    old.newer = version;
    entry.newest = version;
    const holder = this.newestSnapshot;
    if (holder !== null && holder.generation >= old.generation) holder.held.push({ entry, version: old });
    else unlink(old);
  }

  private dropIfGone(entry: Entry): void {
    if (entry.newest.node !== null || entry.newest.previous !== null) return;
    this.entries.delete(entry.path);
    const parent = parentOf(entry.path);
    if (parent !== null) this.entries.get(parent)?.children?.delete(nameOf(entry.path));
  }
}

function seen(version: Version | null): SeenNode | null {
  return version === null || version.node === null ? null : (version as SeenNode);
}

function unlink(version: Version): void {
  if (version.newer !== null) version.newer.previous = version.previous;
  if (version.previous !== null) version.previous.newer = version.newer;
}
