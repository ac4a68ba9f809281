import { DOMID_SELF } from '../abi/guest.js';
import {
  packXsStrings,
  splitXsStrings,
  XS_PAYLOAD_BYTES_MAX,
  XS_TYPE,
  type XsAnswer,
  type XsErrno,
  type XsMessage,
  xsText,
} from '../abi/xs-wire.js';
import type { XenstoreConnection } from './connection.js';
import { homeOf } from './path.js';
import { formatPermission, parsePermission, type Permission, PRIVILEGED_DOMAIN } from './permissions.js';
import type { Caller, Xenstore } from './xenstore.js';

/** What answering needs beside the store. */
export interface RequestHost {
  store: Xenstore;
  /** Whether a domain is connected to the store. */
  isIntroduced(domId: number): boolean;
}

type Payload = XsAnswer<Uint8Array>;

const DONE: Payload = { ok: true, value: packXsStrings(['OK']) };

/** Requests that only domain 0 may make. Here it is the toolstack, which does not make them through a ring. */
const PRIVILEGED = new Set<number>([
  XS_TYPE.CONTROL,
  XS_TYPE.INTRODUCE,
  XS_TYPE.RELEASE,
  XS_TYPE.RESUME,
  XS_TYPE.SET_TARGET,
  XS_TYPE.GET_FEATURE,
  XS_TYPE.SET_FEATURE,
  XS_TYPE.GET_QUOTA,
  XS_TYPE.SET_QUOTA,
]);

/** Does what a message asks and answers it. The payload was written by a guest. */
export function answerRequest(
  host: RequestHost,
  connection: XenstoreConnection,
  message: XsMessage,
): XsMessage {
  let answered = perform(host, connection, message);
  if (answered.ok && answered.value.length > XS_PAYLOAD_BYTES_MAX) answered = refused('E2BIG');
  const { type, requestId, transactionId } = message;
  return answered.ok
    ? { type, requestId, transactionId, payload: answered.value }
    : { type: XS_TYPE.ERROR, requestId, transactionId, payload: packXsStrings([answered.errno]) };
}

function perform(
  { store, isIntroduced }: RequestHost,
  connection: XenstoreConnection,
  { type, transactionId, payload }: XsMessage,
): Payload {
  const { domId } = connection;
  const caller: Caller = { domId, transactionId };
  switch (type) {
    case XS_TYPE.READ:
      return withPath(payload, (path) => store.read(caller, path));
    case XS_TYPE.WRITE:
      return write(store, caller, payload);
    case XS_TYPE.MKDIR:
      return withPath(payload, (path) => done(store.makeDirectory(caller, path)));
    case XS_TYPE.RM:
      return withPath(payload, (path) => done(store.remove(caller, path)));
    case XS_TYPE.DIRECTORY:
      return withPath(payload, (path) =>
        mapped(store.directory(caller, path), ({ names }) => packXsStrings(names)),
      );
    case XS_TYPE.DIRECTORY_PART:
      return directoryPart(store, caller, payload);
    case XS_TYPE.GET_PERMS:
      return withPath(payload, (path) =>
        mapped(store.permissions(caller, path), (list) => packXsStrings(list.map(formatPermission))),
      );
    case XS_TYPE.SET_PERMS:
      return setPermissions(store, caller, payload);
    case XS_TYPE.TRANSACTION_START:
      return mapped(store.startTransaction(domId), (id) => packXsStrings([String(id)]));
    case XS_TYPE.TRANSACTION_END:
      return withPath(payload, (end) =>
        end === 'T' || end === 'F' ? done(store.endTransaction(caller, end === 'T')) : refused('EINVAL'),
      );
    case XS_TYPE.WATCH:
      return withWatch(payload, (path, token) => done(store.watch(connection, path, token)));
    case XS_TYPE.UNWATCH:
      return withWatch(payload, (path, token) => {
        const gone = store.unwatch(connection, path, token);
        if (gone.ok) connection.forget(gone.value);
        return done(gone);
      });
    case XS_TYPE.RESET_WATCHES:
      store.reset(domId, connection);
      connection.forgetEvents();
      return DONE;
    case XS_TYPE.GET_DOMAIN_PATH:
      return withDomain(payload, (id) => packXsStrings([homeOf(id === DOMID_SELF ? domId : id)]));
    case XS_TYPE.IS_DOMAIN_INTRODUCED:
      return withDomain(payload, (id) => packXsStrings([id === DOMID_SELF || isIntroduced(id) ? 'T' : 'F']));
    default:
      return refused(PRIVILEGED.has(type) && domId !== PRIVILEGED_DOMAIN ? 'EACCES' : 'ENOSYS');
  }
}

function write(store: Xenstore, caller: Caller, payload: Uint8Array): Payload {
  const end = payload.indexOf(0);
  if (end < 0) return refused('EINVAL');
  return done(store.write(caller, xsText(payload.subarray(0, end)), payload.subarray(end + 1)));
}

function setPermissions(store: Xenstore, caller: Caller, payload: Uint8Array): Payload {
  const [path, ...texts] = splitXsStrings(payload) ?? [];
  if (path === undefined || texts.length === 0) return refused('EINVAL');
  const permissions: Permission[] = [];
  for (const text of texts) {
    const permission = parsePermission(text);
    if (permission === null) return refused('EINVAL');
    permissions.push(permission);
  }
  return done(store.setPermissions(caller, path, permissions));
}

/** `<generation>|<names from this offset on>`, and an empty name after the last. */
function directoryPart(store: Xenstore, caller: Caller, payload: Uint8Array): Payload {
  const [path, offset, ...more] = splitXsStrings(payload) ?? [];
  if (path === undefined || offset === undefined || more.length > 0) return refused('EINVAL');
  if (!/^[0-9]{1,9}$/.test(offset)) return refused('EINVAL');
  return mapped(store.directory(caller, path), ({ names, generation }) => {
    const head = packXsStrings([String(generation)]);
    const all = packXsStrings(names);
    const from = Number(offset);
    const most = XS_PAYLOAD_BYTES_MAX - head.length - 1;
    let to = Math.min(from + most, all.length);
    // Only whole names: back to just after a zero.
    while (to < all.length && to > from && all[to - 1] !== 0) to -= 1;
    const last = to >= all.length ? 1 : 0;
    const part = all.subarray(Math.min(from, all.length), to);
    const out = new Uint8Array(head.length + part.length + last);
    out.set(head);
    out.set(part, head.length);
    return out;
  });
}

function withPath(payload: Uint8Array, act: (text: string) => Payload): Payload {
  const strings = splitXsStrings(payload);
  return strings?.length === 1 ? act(strings[0] as string) : refused('EINVAL');
}

function withWatch(payload: Uint8Array, act: (path: string, token: string) => Payload): Payload {
  const strings = splitXsStrings(payload);
  return strings?.length === 2 ? act(strings[0] as string, strings[1] as string) : refused('EINVAL');
}

function withDomain(payload: Uint8Array, act: (domId: number) => Uint8Array): Payload {
  return withPath(payload, (text) =>
    /^[0-9]{1,5}$/.test(text) ? { ok: true, value: act(Number(text)) } : refused('EINVAL'),
  );
}

function mapped<T>(from: XsAnswer<T>, payload: (value: T) => Uint8Array): Payload {
  return from.ok ? { ok: true, value: payload(from.value) } : from;
}

function done(from: XsAnswer<unknown>): Payload {
  return from.ok ? DONE : from;
}

function refused(errno: XsErrno): { ok: false; errno: XsErrno } {
  return { ok: false, errno };
}
