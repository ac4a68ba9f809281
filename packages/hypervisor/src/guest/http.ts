import { latin1, utf8 } from './text.js';

export const HTTP_LIMITS = { headBytesMax: 8 * 1024, bodyBytesMax: 256 * 1024, headersMax: 64 } as const;

export interface HttpRequest {
  method: string;
  path: string;
  query: ReadonlyMap<string, string>;
  keepAlive: boolean;
  bodyBytes: number;
}

/** A head that is complete, still incomplete, or refused with a status. */
export type HeadResult =
  | { kind: 'request'; request: HttpRequest; headBytes: number }
  | { kind: 'more' }
  | { kind: 'refused'; status: number; detail: string };

const STATUS_TEXT: Record<number, string> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
};

/** Reads the head of an HTTP/1.1 request (RFC 9112) from the start of `buffer`. */
export function parseHead(buffer: Uint8Array): HeadResult {
  const end = headEnd(buffer);
  if (end < 0) {
    if (buffer.length < HTTP_LIMITS.headBytesMax) return { kind: 'more' };
    return refused(431, `head: at most ${HTTP_LIMITS.headBytesMax} bytes`);
  }
  if (end > HTTP_LIMITS.headBytesMax) return refused(431, `head: at most ${HTTP_LIMITS.headBytesMax} bytes`);
  const lines = latin1(buffer.subarray(0, end - 4)).split('\r\n');
  const line = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[\x21-\x7e]*) HTTP\/(\d)\.(\d)$/.exec(lines[0] as string);
  if (line === null) return refused(400, 'request line: METHOD /path HTTP/1.1');
  const [, method, target, major, minor] = line as unknown as [string, string, string, string, string];
  if (major !== '1') return refused(505, 'version: HTTP/1.0 or HTTP/1.1');
  const headers = parseHeaders(lines.slice(1));
  if (typeof headers === 'string') return refused(400, headers);
  if (headers.has('transfer-encoding'))
    return refused(501, 'transfer-encoding: not supported, send content-length');
  if (minor === '1' && !headers.has('host')) return refused(400, 'host: required');
  const length = headers.get('content-length') ?? '0';
  if (!/^\d{1,15}$/.test(length)) return refused(400, 'content-length: a whole number');
  const bodyBytes = Number(length);
  if (bodyBytes > HTTP_LIMITS.bodyBytesMax)
    return refused(413, `body: at most ${HTTP_LIMITS.bodyBytesMax} bytes`);
  const query = parseQuery(target);
  if (query === null) return refused(400, 'target: malformed escape');
  const connection = (headers.get('connection') ?? '').toLowerCase();
  const keepAlive = minor === '1' ? !connection.includes('close') : connection.includes('keep-alive');
  const path = target.split('?', 1)[0] as string;
  return { kind: 'request', request: { method, path, query, keepAlive, bodyBytes }, headBytes: end };
}

/** The head of an answer whose body has `bodyBytes` bytes. */
export function responseHead(options: {
  status: number;
  type: string;
  bodyBytes: number;
  keepAlive: boolean;
}): Uint8Array {
  const { status, type, bodyBytes, keepAlive } = options;
  return utf8(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Unknown'}\r\n` +
      `content-type: ${type}\r\ncontent-length: ${bodyBytes}\r\n` +
      `connection: ${keepAlive ? 'keep-alive' : 'close'}\r\nserver: xenorack-web/1\r\n\r\n`,
  );
}

function refused(status: number, detail: string): HeadResult {
  return { kind: 'refused', status, detail };
}

/** The index after the empty line, or -1. */
function headEnd(buffer: Uint8Array): number {
  const limit = Math.min(buffer.length, HTTP_LIMITS.headBytesMax + 4);
  for (let i = 3; i < limit; i += 1) {
    if (buffer[i] === 10 && buffer[i - 1] === 13 && buffer[i - 2] === 10 && buffer[i - 3] === 13)
      return i + 1;
  }
  return -1;
}

/** The headers by lower-case name, or what is wrong with them. */
function parseHeaders(lines: readonly string[]): Map<string, string> | string {
  if (lines.length > HTTP_LIMITS.headersMax) return `headers: at most ${HTTP_LIMITS.headersMax}`;
  const headers = new Map<string, string>();
  for (const text of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(text);
    if (match === null) return 'header: name: value';
    const name = (match[1] as string).toLowerCase();
    // Two lengths, or two hosts, are how requests are smuggled.
    if (headers.has(name) && (name === 'content-length' || name === 'host')) return `${name}: given twice`;
    headers.set(name, (match[2] as string).trim());
  }
  return headers;
}

function parseQuery(target: string): Map<string, string> | null {
  const query = new Map<string, string>();
  const at = target.indexOf('?');
  if (at < 0) return query;
  for (const pair of target.slice(at + 1).split('&')) {
    const [name, value] = pair.split('=', 2);
    try {
      query.set(decodeURIComponent(name as string), decodeURIComponent(value ?? ''));
    } catch {
      return null;
    }
  }
  return query;
}
