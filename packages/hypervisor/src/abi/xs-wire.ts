/**
 * The wire protocol of the xenstore (Xen public/io/xs_wire.h): messages of a 16-byte header and up to 4096 bytes of
 * payload, sent through two byte rings of 1024 in one page shared by a domain and xenstored. All integers are u32,
 * little-endian; indices run freely and are masked when used. Text is one byte per character.
 */
export const XS_TYPE = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
  GET_FEATURE: 23,
  SET_FEATURE: 24,
  GET_QUOTA: 25,
  SET_QUOTA: 26,
} as const;

/** The errors xenstored sends, as names. */
export const XS_ERRORS = [
  'EINVAL',
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ENOENT',
  'ENOMEM',
  'ENOSPC',
  'EIO',
  'ENOTEMPTY',
  'ENOSYS',
  'EROFS',
  'EBUSY',
  'EAGAIN',
  'EISCONN',
  'E2BIG',
  'EPERM',
] as const;
export type XsErrno = (typeof XS_ERRORS)[number];

/** The answer of a xenstore operation: the value, or the error's name. */
export type XsAnswer<T> = { ok: true; value: T } | { ok: false; errno: XsErrno };

export const XS_HEADER_BYTES = 16;
export const XS_PAYLOAD_BYTES_MAX = 4096;
export const XS_ABSOLUTE_PATH_MAX = 3072;
export const XS_RELATIVE_PATH_MAX = 2048;

export const XS_RING_BYTES = 1024;
/** Where things are in the shared page. */
export const XS_PAGE = {
  req: 0,
  rsp: 1024,
  reqCons: 2048,
  reqProd: 2052,
  rspCons: 2056,
  rspProd: 2060,
  serverFeatures: 2064,
  connection: 2068,
  error: 2072,
} as const;

export const XS_SERVER_FEATURE = { RECONNECTION: 1, ERROR: 2 } as const;
/** `connection`: the guest writes RECONNECT and rings; the server writes CONNECTED when it begins anew. */
export const XS_CONNECTION = { CONNECTED: 0, RECONNECT: 1 } as const;
/** `error`: why the server listens no more. */
export const XS_CONNECTION_ERROR = { NONE: 0, COMM: 1, RINGIDX: 2, PROTO: 3 } as const;

/** What a guest finds in its start info: the shared page and the port that rings xenstored. */
export interface XenstoreFrontend {
  page: Uint8Array;
  port: number;
}

export interface XsHeader {
  type: number;
  requestId: number;
  transactionId: number;
  length: number;
}

export interface XsMessage {
  type: number;
  requestId: number;
  transactionId: number;
  payload: Uint8Array;
}

export function encodeXsMessage({ type, requestId, transactionId, payload }: XsMessage): Uint8Array {
  const bytes = new Uint8Array(XS_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, requestId, true);
  view.setUint32(8, transactionId, true);
  view.setUint32(12, payload.length, true);
  bytes.set(payload, XS_HEADER_BYTES);
  return bytes;
}

export function decodeXsHeader(bytes: Uint8Array): XsHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, XS_HEADER_BYTES);
  return {
    type: view.getUint32(0, true),
    requestId: view.getUint32(4, true),
    transactionId: view.getUint32(8, true),
    length: view.getUint32(12, true),
  };
}

/** One byte per character; characters above 255 lose their upper bits. */
export function xsBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function xsText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Strings as they travel: each ends with a zero byte. */
export function packXsStrings(strings: readonly string[]): Uint8Array {
  return xsBytes(strings.map((s) => `${s}\0`).join(''));
}

/** The strings of a payload; null when the last one does not end. */
export function splitXsStrings(payload: Uint8Array): string[] | null {
  if (payload.length === 0) return [];
  if (payload[payload.length - 1] !== 0) return null;
  return xsText(payload.subarray(0, payload.length - 1)).split('\0');
}
