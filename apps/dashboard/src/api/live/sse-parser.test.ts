import { describe, expect, test } from '@jest/globals';
import { SseParser, type StreamMessage } from './sse-parser';

const stream =
  ': hello\n\nevent: domain.figures\ndata: {"a":1}\n\nid: 7\r\nevent: domain.created\r\ndata: one\r\ndata: two\r\n\r\n:\n\n';
const expected: StreamMessage[] = [
  { event: 'domain.figures', data: '{"a":1}', id: null },
  { event: 'domain.created', data: 'one\ntwo', id: '7' },
];

describe('event stream', () => {
  test('messages are the same wherever the network cuts them', () => {
    for (let size = 1; size <= stream.length; size += 1) {
      const parser = new SseParser();
      const messages: StreamMessage[] = [];
      for (let at = 0; at < stream.length; at += size)
        messages.push(...parser.push(stream.slice(at, at + size)));
      expect(messages).toEqual(expected);
    }
  });

  test('a message without data, and one not yet ended, are not delivered', () => {
    const parser = new SseParser();
    expect(parser.push('event: ping\n\ndata: half')).toEqual([]);
    expect(parser.push('\n\n')).toEqual([{ event: 'message', data: 'half', id: null }]);
  });
});
