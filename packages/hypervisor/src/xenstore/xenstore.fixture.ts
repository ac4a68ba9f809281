import { type XsAnswer, xsBytes, xsText } from '../abi/xs-wire.js';
import { formatPermission, parsePermission, type Permission } from './permissions.js';
import type { Watch, Watcher } from './watches.js';
import { type Caller, TOOLSTACK, Xenstore } from './xenstore.js';

export function permissionsOf(...texts: string[]): Permission[] {
  return texts.map((t) => parsePermission(t) as Permission);
}

export function by(domId: number, transactionId = 0): Caller {
  return { domId, transactionId };
}

/** Keeps what it hears. */
export class Listener implements Watcher {
  readonly heard: string[] = [];
  constructor(readonly domId: number) {}
  fire(watch: Watch, path: string): void {
    this.heard.push(`${path} ${watch.token}`);
  }
  take(): string[] {
    return this.heard.splice(0);
  }
}

/** A store with the homes of domains 5 and 6, and short words for what tests do with it. */
export class StoreRig {
  readonly store = new Xenstore();

  constructor() {
    this.addHome(5);
    this.addHome(6);
  }

  put(path: string, value = '', caller = TOOLSTACK): XsAnswer<null> {
    return this.store.write(caller, path, xsBytes(value));
  }

  text(path: string, caller = TOOLSTACK): string {
    const read = this.store.read(caller, path);
    return read.ok ? xsText(read.value) : read.errno;
  }

  names(path: string, caller = TOOLSTACK): string {
    const list = this.store.directory(caller, path);
    return list.ok ? list.value.names.join(' ') : list.errno;
  }

  permissions(path: string): string {
    const got = this.store.permissions(TOOLSTACK, path);
    return got.ok ? got.value.map(formatPermission).join(' ') : got.errno;
  }

  /** A home as the toolstack makes one: readable by the domain, with a node of its own. */
  addHome(domId: number): void {
    this.store.addDomain(domId);
    const home = `/local/domain/${domId}`;
    this.store.makeDirectory(TOOLSTACK, home);
    this.store.setPermissions(TOOLSTACK, home, permissionsOf('n0', `r${domId}`));
    this.store.makeDirectory(TOOLSTACK, `${home}/data`);
    this.store.setPermissions(TOOLSTACK, `${home}/data`, permissionsOf(`n${domId}`));
  }

  start(domId: number): Caller {
    const started = this.store.startTransaction(domId);
    if (!started.ok) throw new Error(started.errno);
    return by(domId, started.value);
  }
}
