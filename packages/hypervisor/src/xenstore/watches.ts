/** Who watches: it is told of each event once. */
export interface Watcher {
  readonly domId: number;
  /** `path` as the watcher knows it: relative when it watches a relative path. */
  fire(watch: Watch, path: string): void;
}

export interface Watch {
  readonly watcher: Watcher;
  /** The absolute path, or a special name. */
  readonly path: string;
  /** The path as the watcher wrote it. */
  readonly written: string;
  readonly token: string;
  /** How many characters of an absolute path the watcher does not get to see. */
  readonly hiddenCharacters: number;
  readonly sequence: number;
}

interface TrieNode {
  readonly name: string;
  readonly parent: TrieNode | null;
  children: Map<string, TrieNode> | null;
  /** The watches of exactly this path, by watcher. */
  watches: Map<Watcher, Watch[]> | null;
}

/**
 * Design: the watches in a tree of their own, so that a change finds those at and above its path in as many steps as
 * there are watched parts of the path, and asks once for each watcher whether it may hear of it.
 * Invariants: a watcher watches a path at most once with one token; empty branches do not stay.
 */
export class Watches {
  private readonly root: TrieNode = newTrieNode('', null);
  private readonly byWatcher = new Map<Watcher, Map<string, Watch>>();
  private nextSequence = 1;

  countOf(watcher: Watcher): number {
    return this.byWatcher.get(watcher)?.size ?? 0;
  }

  has(watcher: Watcher, path: string, token: string): boolean {
    return this.byWatcher.get(watcher)?.has(keyOf(path, token)) ?? false;
  }

  add(options: Omit<Watch, 'sequence'>): Watch {
    const watch: Watch = { ...options, sequence: this.nextSequence };
    this.nextSequence += 1;
    const { watcher, path, token } = watch;
    let own = this.byWatcher.get(watcher);
    if (own === undefined) {
      own = new Map();
      this.byWatcher.set(watcher, own);
    }
    own.set(keyOf(path, token), watch);
    const at = this.reach(path);
    at.watches ??= new Map();
    const there = at.watches.get(watcher);
    if (there === undefined) at.watches.set(watcher, [watch]);
    else there.push(watch);
    return watch;
  }

  /** The removed watch; null when there is none. */
  remove(watcher: Watcher, path: string, token: string): Watch | null {
    const own = this.byWatcher.get(watcher);
    const watch = own?.get(keyOf(path, token));
    if (own === undefined || watch === undefined) return null;
    own.delete(keyOf(path, token));
    if (own.size === 0) this.byWatcher.delete(watcher);
    const at = this.reach(path);
    const left = (at.watches?.get(watcher) ?? []).filter((w) => w !== watch);
    if (left.length > 0) at.watches?.set(watcher, left);
    else at.watches?.delete(watcher);
    this.prune(at);
    return watch;
  }

  removeAll(watcher: Watcher): void {
    for (const { path, token } of [...(this.byWatcher.get(watcher)?.values() ?? [])])
      this.remove(watcher, path, token);
  }

  /**
   * Tells those who watch `path` or something above it (`exact`: `path` itself only) and may hear of it, in the order of
   * registration. The answer is how many were told.
   */
  fire(path: string, exact: boolean, mayHear: (domId: number) => boolean): number {
    const found: Watch[] = [];
    const allowed = new Map<Watcher, boolean>();
    const collect = (at: TrieNode): void => {
      for (const [watcher, watches] of at.watches ?? []) {
        let hears = allowed.get(watcher);
        if (hears === undefined) {
          hears = mayHear(watcher.domId);
          allowed.set(watcher, hears);
        }
        if (hears) found.push(...watches);
      }
    };
    const parts = partsOf(path);
    let at: TrieNode | undefined = this.root;
    for (let depth = 0; at !== undefined; depth += 1) {
      if (depth === parts.length) {
        collect(at);
        break;
      }
      // The root of the trie stands for "/" to paths, and for nothing to special names.
      if (!exact && path.startsWith('/')) collect(at);
      at = at.children?.get(parts[depth] as string);
    }
    if (found.length > 1) found.sort((a, b) => a.sequence - b.sequence);
    for (const watch of found) watch.watcher.fire(watch, path.slice(watch.hiddenCharacters));
    return found.length;
  }

  private reach(path: string): TrieNode {
    let at = this.root;
    for (const part of partsOf(path)) {
      at.children ??= new Map();
      let next = at.children.get(part);
      if (next === undefined) {
        next = newTrieNode(part, at);
        at.children.set(part, next);
      }
      at = next;
    }
    return at;
  }

  private prune(from: TrieNode): void {
    let at: TrieNode | null = from;
    while (at !== null && at.parent !== null) {
      if ((at.watches?.size ?? 0) > 0 || (at.children?.size ?? 0) > 0) return;
      at.parent.children?.delete(at.name);
      at = at.parent;
    }
  }
}

function newTrieNode(name: string, parent: TrieNode | null): TrieNode {
  return { name, parent, children: null, watches: null };
}

function partsOf(path: string): string[] {
  if (path === '/') return [];
  return path.startsWith('/') ? path.slice(1).split('/') : [path];
}

function keyOf(path: string, token: string): string {
  return `${path}\0${token}`;
}
