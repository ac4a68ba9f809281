import { beforeEach, describe, expect, test } from '@jest/globals';
import { CPU_MODEL } from '../abi/cpu-model.js';
import {
  decodeXsHeader,
  encodeXsMessage,
  packXsStrings,
  XS_CONNECTION,
  XS_CONNECTION_ERROR,
  XS_PAGE,
  XS_TYPE,
  xsBytes,
} from '../abi/xs-wire.js';
import { Prng } from '../base/prng.js';
import { LIMITS } from '../limits.js';
import { connectDomain, serve, type Wire } from './wire.fixture.js';
import { permissionsOf } from './xenstore.fixture.js';
import { TOOLSTACK } from './xenstore.js';
import { XenstoreServer } from './xenstore-server.js';

let server: XenstoreServer;

const addDomain = (domId: number): Wire => connectDomain(server, domId);

beforeEach(() => {
  server = new XenstoreServer();
});

describe('the wire', () => {
  test('X9 each request has its answer: the same type and ids, OK or a value, or ERROR with the name', () => {
    const w = addDomain(5);
    expect(w.ask(XS_TYPE.READ, 'data')).toEqual(['READ ']);
    w.post(XS_TYPE.WRITE, xsBytes('data/x\0value\0with zero'));
    serve(server);
    expect(w.take()).toEqual(['WRITE OK|']);
    expect(w.ask(XS_TYPE.READ, 'data/x')).toEqual(['READ value|with zero']);
    expect(w.ask(XS_TYPE.MKDIR, 'data/d/e')).toEqual(['MKDIR OK|']);
    expect(w.ask(XS_TYPE.DIRECTORY, 'data')).toEqual(['DIRECTORY d|x|']);
    expect(w.ask(XS_TYPE.RM, 'data/d')).toEqual(['RM OK|']);
    expect(w.ask(XS_TYPE.READ, 'data/d')).toEqual(['ERROR ENOENT|']);
    expect(w.ask(XS_TYPE.READ, '/secret')).toEqual(['ERROR EACCES|']);
    expect(w.ask(XS_TYPE.SET_PERMS, 'data/x', 'n5', 'r0')).toEqual(['SET_PERMS OK|']);
    expect(w.ask(XS_TYPE.GET_PERMS, 'data/x')).toEqual(['GET_PERMS n5|r0|']);
    expect(w.ask(XS_TYPE.GET_DOMAIN_PATH, '7')).toEqual(['GET_DOMAIN_PATH /local/domain/7|']);
    expect(w.ask(XS_TYPE.IS_DOMAIN_INTRODUCED, '5')).toEqual(['IS_DOMAIN_INTRODUCED T|']);
    expect(w.ask(XS_TYPE.IS_DOMAIN_INTRODUCED, '6')).toEqual(['IS_DOMAIN_INTRODUCED F|']);
    const header = encodeXsMessage({
      type: 2,
      requestId: 77,
      transactionId: 0,
      payload: packXsStrings(['data']),
    });
    w.put(header);
    serve(server);
    expect(decodeXsHeader(w.page.subarray(1024 + ((w.word(XS_PAGE.rspProd) - 16) & 1023)))).toEqual({
      type: XS_TYPE.READ,
      requestId: 77,
      transactionId: 0,
      length: 0,
    });
  });

  test('X9 payloads of the wrong shape are EINVAL, unknown types ENOSYS, those of domain 0 EACCES', () => {
    const w = addDomain(5);
    const bad: [number, string][] = [
      [XS_TYPE.READ, 'data'],
      [XS_TYPE.READ, ''],
      [XS_TYPE.READ, 'data\0data\0'],
      [XS_TYPE.WRITE, 'data'],
      [XS_TYPE.WATCH, 'data\0'],
      [XS_TYPE.WATCH, 'data\0token\0more\0'],
      [XS_TYPE.SET_PERMS, 'data\0'],
      [XS_TYPE.SET_PERMS, 'data\0x5\0'],
      [XS_TYPE.SET_PERMS, 'data\0n99999\0'],
      [XS_TYPE.DIRECTORY_PART, 'data\0'],
      [XS_TYPE.DIRECTORY_PART, 'data\0-1\0'],
      [XS_TYPE.TRANSACTION_END, 'T'],
      [XS_TYPE.TRANSACTION_END, 'X\0'],
      [XS_TYPE.GET_DOMAIN_PATH, 'x\0'],
    ];
    for (const [type, payload] of bad) {
      w.post(type, xsBytes(payload));
      serve(server);
      expect([type, payload, w.take()]).toEqual([type, payload, ['ERROR EINVAL|']]);
    }
    for (const type of [15, 16, 20, 27, 0xffffffff]) expect(w.ask(type, 'x')).toEqual(['ERROR ENOSYS|']);
    for (const type of [0, 8, 9, 18, 19, 23, 24, 25, 26]) expect(w.ask(type, '5')).toEqual(['ERROR EACCES|']);
  });

  test('X9 a directory too large for one answer is E2BIG, and comes whole in parts of one generation', () => {
    const w = addDomain(5);
    for (let i = 0; i < 700; i += 1) server.store.makeDirectory(TOOLSTACK, `/local/domain/5/many/node${i}`);
    expect(w.ask(XS_TYPE.DIRECTORY, 'many')).toEqual(['ERROR E2BIG|']);
    const generations = new Set<string>();
    const found: string[] = [];
    for (let offset = 0; ;) {
      const [answer] = w.ask(XS_TYPE.DIRECTORY_PART, 'many', String(offset));
      const strings = (answer as string).slice('DIRECTORY_PART '.length).split('|').slice(0, -1);
      generations.add(strings.shift() as string);
      const names = strings.filter((s) => s !== '');
      found.push(...names);
      offset += names.reduce((sum, name) => sum + name.length + 1, 0);
      if (names.length < strings.length) break;
    }
    expect(found).toEqual(Array.from({ length: 700 }, (_, i) => `node${i}`).sort());
    expect(generations.size).toBe(1);
    expect(w.ask(XS_TYPE.DIRECTORY_PART, 'many', '99999')).toEqual([
      `DIRECTORY_PART ${[...generations][0]}||`,
    ]);
  });

  test('X9 messages longer than the ring, in any pieces and over its wrap, arrive as they were sent', () => {
    const prng = new Prng(11);
    const w = addDomain(5);
    let value = '';
    for (let round = 0; round < 60; round += 1) {
      value = String.fromCharCode(97 + (round % 26)).repeat(prng.between(0, 2000));
      const payload = xsBytes(`data/v\0${value}`);
      const bytes = encodeXsMessage({ type: XS_TYPE.WRITE, requestId: 1, transactionId: 0, payload });
      for (let at = 0; at < bytes.length;) {
        at += w.put(bytes.subarray(at, at + prng.between(1, 700)));
        if (prng.below(3) === 0) serve(server);
      }
      serve(server);
      expect(w.take()).toEqual(['WRITE OK|']);
      expect(w.ask(XS_TYPE.READ, 'data/v')).toEqual([`READ ${value}`]);
    }
    expect(w.word(XS_PAGE.reqProd)).toBeGreaterThan(4096);
  });

  test('X9 transactions by their ids; a watch is acknowledged before its first event', () => {
    const w = addDomain(5);
    expect(w.ask(XS_TYPE.WATCH, 'data', 'tok')).toEqual(['WATCH OK|', 'WATCH_EVENT data|tok|']);
    const id = Number((w.ask(XS_TYPE.TRANSACTION_START, '')[0] as string).split(/[ |]/)[1]);
    w.post(XS_TYPE.WRITE, xsBytes('data/x\0in'), id);
    serve(server);
    expect(w.take()).toEqual(['WRITE OK|']);
    expect(w.ask(XS_TYPE.READ, 'data/x')).toEqual(['ERROR ENOENT|']);
    expect(w.askIn(id, XS_TYPE.READ, 'data/x')).toEqual(['READ in']);
    expect(w.askIn(id, XS_TYPE.TRANSACTION_END, 'T')).toEqual([
      'TRANSACTION_END OK|',
      'WATCH_EVENT data/x|tok|',
    ]);
    expect(w.askIn(id, XS_TYPE.READ, 'data/x')).toEqual(['ERROR ENOENT|']);
    expect(w.ask(XS_TYPE.UNWATCH, 'data', 'tok')).toEqual(['UNWATCH OK|']);
    expect(w.ask(XS_TYPE.MKDIR, 'data/y')).toEqual(['MKDIR OK|']);
    expect(w.ask(XS_TYPE.WATCH, 'data', 'again')).toHaveLength(2);
    w.ask(XS_TYPE.TRANSACTION_START, '');
    expect(w.ask(XS_TYPE.RESET_WATCHES, '')).toEqual(['RESET_WATCHES OK|']);
    expect(server.store.usageOf(5, server.connectionOf(5) ?? null)).toMatchObject({
      watches: 0,
      transactions: 0,
    });
  });
});

describe('domains that misbehave', () => {
  test('X10 an index outside the ring or a payload above 4096 bytes closes the connection, with the reason, and no other', () => {
    const cases: [string, number, (w: Wire) => void][] = [
      ['req_prod', XS_CONNECTION_ERROR.RINGIDX, (w) => w.setWord(XS_PAGE.reqProd, 0x80000000)],
      ['req_prod behind', XS_CONNECTION_ERROR.RINGIDX, (w) => w.setWord(XS_PAGE.reqProd, 0xffffffff)],
      ['rsp_cons', XS_CONNECTION_ERROR.RINGIDX, (w) => w.setWord(XS_PAGE.rspCons, 5000)],
      [
        'payload',
        XS_CONNECTION_ERROR.PROTO,
        (w) => {
          const bytes = encodeXsMessage({
            type: 2,
            requestId: 1,
            transactionId: 0,
            payload: new Uint8Array(0),
          });
          new DataView(bytes.buffer).setUint32(12, 4097, true);
          w.put(bytes);
        },
      ],
    ];
    for (const [name, error, attack] of cases) {
      server = new XenstoreServer();
      const w = addDomain(5);
      const other = addDomain(6);
      w.ask(XS_TYPE.WATCH, 'data', 't');
      w.ask(XS_TYPE.TRANSACTION_START, '');
      w.post(XS_TYPE.READ, packXsStrings(['data']));
      attack(w);
      server.kick(5);
      serve(server);
      expect([name, w.word(XS_PAGE.error)]).toEqual([name, error]);
      expect(server.connectionOf(5)?.closedBecause).not.toBeNull();
      const usage = server.store.usageOf(5, server.connectionOf(5) ?? null);
      expect(usage).toMatchObject({ watches: 0, transactions: 0 });
      server.kick(5);
      serve(server);
      expect(other.ask(XS_TYPE.READ, 'data')).toEqual(['READ ']);
      w.reconnect();
      expect([w.word(XS_PAGE.error), w.word(XS_PAGE.connection)]).toEqual([0, XS_CONNECTION.CONNECTED]);
      expect(w.ask(XS_TYPE.READ, 'data')).toEqual(['READ ']);
    }
  });

  test('X10 what the domain writes over the indices of the server changes nothing', () => {
    const w = addDomain(5);
    w.put(encodeRead());
    w.setWord(XS_PAGE.reqCons, 999);
    w.setWord(XS_PAGE.rspProd, 999);
    server.kick(5);
    serve(server);
    expect([w.word(XS_PAGE.reqCons), w.word(XS_PAGE.rspProd)]).toEqual([21, 16]);
  });

  test('X11 with 20 answers waiting a domain is not listened to; it goes on when it reads', () => {
    const w = addDomain(5);
    server.store.write(TOOLSTACK, '/local/domain/5/v', xsBytes('x'.repeat(2000)));
    let posted = 0;
    for (; posted < 100; posted += 1) {
      const bytes = encodeXsMessage({
        type: 2,
        requestId: 1,
        transactionId: 0,
        payload: packXsStrings(['v']),
      });
      if (w.word(XS_PAGE.reqProd) - w.word(XS_PAGE.reqCons) > 1024 - bytes.length) break;
      w.put(bytes);
      serve(server);
    }
    const { answers } = server.connectionOf(5)?.waiting ?? { answers: -1 };
    expect(answers).toBe(LIMITS.xenstoreRequestsOutstandingMax);
    expect(w.take()).toHaveLength(posted);
    expect(server.connectionOf(5)?.waiting).toEqual({ answers: 0, events: 0 });
  });

  test('X11 equal events that wait are one; beyond the limit those of a watch become one of its own path', () => {
    const w = addDomain(5);
    w.ask(XS_TYPE.WATCH, '/local/domain/5', 'all');
    w.ask(XS_TYPE.WATCH, 'data', 'data');
    for (let i = 0; i < 5000; i += 1) {
      server.store.write(TOOLSTACK, `/local/domain/5/data/n${i}`, xsBytes('x'));
      server.store.write(TOOLSTACK, '/local/domain/5/same', xsBytes(String(i)));
    }
    const { events } = server.connectionOf(5)?.waiting ?? { events: 0 };
    expect(events).toBeLessThanOrEqual(LIMITS.xenstoreEventsQueuedMax + 2);
    expect(server.connectionOf(5)?.closedBecause).toBeNull();
    const told = w.take();
    expect(told.filter((m) => m === 'WATCH_EVENT /local/domain/5/same|all|').length).toBeLessThan(20);
    expect(told.slice(-2).sort()).toEqual(['WATCH_EVENT /local/domain/5|all|', 'WATCH_EVENT data|data|']);
    expect(w.ask(XS_TYPE.READ, 'same')).toEqual(['READ 4999']);
  });

  test('X12 domains are served in turn, one message each, and pay for what they cause', () => {
    const many = addDomain(5);
    const few = addDomain(6);
    const { kickNs, requestNs, nodeNs, perKibNs, watchNs } = CPU_MODEL.xenstore;
    for (let i = 0; i < 10; i += 1) many.put(encodeRead());
    few.put(encodeRead());
    const order: number[] = [];
    for (let work = server.take(); work !== null; work = server.take()) {
      order.push(work.domId);
      // `data` is one node; the message is less than one KiB, its answer is empty.
      expect(work.ns).toBe(kickNs + requestNs + nodeNs + perKibNs);
      server.finish();
    }
    expect(order).toEqual([5, 6, 5, 5, 5, 5, 5, 5, 5, 5, 5]);
    server.kick(5);
    expect(server.take()).toEqual({ domId: 5, ns: kickNs });
    server.finish();
    server.store.setPermissions(TOOLSTACK, '/local/domain/5/data', permissionsOf('r5'));
    for (const token of ['a', 'b', 'c']) few.ask(XS_TYPE.WATCH, '/local/domain/5/data', token);
    many.take();
    many.put(encodeXsMessage({ type: 11, requestId: 1, transactionId: 0, payload: xsBytes('data\0x') }));
    const work = server.take();
    server.finish();
    expect(work?.domId).toBe(5);
    expect(work?.ns).toBe(kickNs + requestNs + 2n * nodeNs + 2n * perKibNs + 3n * watchNs);
    expect(server.take()).toBeNull();
    expect(few.take()).toHaveLength(3);
  });

  test('X8 a domain that dies while its request is paid: what it did is told, it gets no answer', () => {
    const w = addDomain(5);
    const other = addDomain(6);
    server.store.setPermissions(TOOLSTACK, '/local/domain/5/data', permissionsOf('r5'));
    other.ask(XS_TYPE.WATCH, '/local/domain/5/data', 't');
    w.post(XS_TYPE.WRITE, xsBytes('data\0x'));
    server.take();
    const before = w.word(XS_PAGE.rspProd);
    server.disconnect(5);
    server.finish();
    expect(w.word(XS_PAGE.rspProd)).toBe(before);
    // Told of the write, then of the end of the node.
    expect(other.take()).toEqual(Array(2).fill('WATCH_EVENT /local/domain/5/data|t|'));
    expect(serve(server)).toBe(0n);
    addDomain(5);
  });

  test.each([1, 2, 3, 4])(
    'X10 random bytes and indices of hostile domains, seed %i: nobody else notices',
    (seed) => {
      const prng = new Prng(seed);
      const hostile = [addDomain(5), addDomain(7)];
      const good = addDomain(6);
      for (let round = 0; round < 400; round += 1) {
        const w = prng.pick(hostile);
        for (let i = prng.below(40); i > 0; i -= 1) {
          const at = prng.below(3) === 0 ? 2048 + prng.below(28) : prng.below(2048);
          w.page[at] = prng.below(4) === 0 ? prng.below(256) : prng.below(20);
        }
        if (prng.below(4) === 0)
          w.setWord(XS_PAGE.reqProd, (w.word(XS_PAGE.reqCons) + prng.below(1100)) >>> 0);
        if (prng.below(10) === 0) w.setWord(XS_PAGE.connection, XS_CONNECTION.RECONNECT);
        if (prng.below(6) === 0) w.put(randomMessage(prng));
        server.kick(w.domId);
        serve(server);
        good.post(XS_TYPE.WRITE, xsBytes(`data/r\0${round}`));
        serve(server);
        expect(good.take()).toEqual(['WRITE OK|']);
        expect(good.ask(XS_TYPE.READ, 'data/r')).toEqual([`READ ${round}`]);
        for (const { domId } of hostile) {
          const usage = server.store.usageOf(domId, server.connectionOf(domId) ?? null);
          expect(usage.watches).toBeLessThanOrEqual(LIMITS.xenstoreWatchesPerDomainMax);
          expect(usage.transactions).toBeLessThanOrEqual(LIMITS.xenstoreTransactionsPerDomainMax);
        }
      }
    },
  );
});

function encodeRead(): Uint8Array {
  return encodeXsMessage({ type: 2, requestId: 1, transactionId: 0, payload: packXsStrings(['data']) });
}

function randomMessage(prng: Prng): Uint8Array {
  const text = prng.pick([
    'data',
    'data/x',
    '/',
    '/local/domain/6/data',
    'T',
    '@releaseDomain',
    '5',
    'r5',
    '0',
  ]);
  const strings = Array.from({ length: prng.below(4) }, () => text);
  const type = prng.below(28);
  return encodeXsMessage({
    type,
    requestId: 1,
    transactionId: prng.below(3),
    payload: packXsStrings(strings),
  });
}
