// One event stream per tab, kept open.
//
// Design: fetch rather than EventSource (see sse-parser). Events carry ids and are resumed with Last-Event-ID; figures
// carry none. The server writes at least a heartbeat every 15 s, so a longer silence means that the connection is
// dead although TCP has not noticed; it is then dropped and opened again, with growing pauses up to 10 s.

import { setConnection } from './connection';
import { SseParser, type StreamMessage } from './sse-parser';

const silenceMaxMs = 40_000;
const offlineAfterMs = 5_000;
const pauseMinMs = 500;
const pauseMaxMs = 10_000;

/** Opens the stream and hands over each message until the returned function is called. */
export function openStream(path: string, onMessage: (message: StreamMessage) => void): () => void {
  const closing = new AbortController();
  void keepOpen(path, onMessage, closing.signal);
  return () => closing.abort();
}

async function keepOpen(
  path: string,
  onMessage: (message: StreamMessage) => void,
  closed: AbortSignal,
): Promise<void> {
  let lastEventId: string | null = null;
  let pauseMs = pauseMinMs;
  let heardAt = Date.now();
  // Attempts come and go; what counts for the reader is how long nothing has been heard.
  const watch = setInterval(() => {
    if (Date.now() - heardAt > offlineAfterMs) setConnection('offline');
  }, 1000);
  closed.addEventListener('abort', () => clearInterval(watch));
  setConnection('connecting');
  while (!closed.aborted) {
    try {
      await readOnce(path, lastEventId, closed, {
        onHeard: () => {
          heardAt = Infinity;
          pauseMs = pauseMinMs;
          setConnection('live');
        },
        onMessage: (message) => {
          if (message.id !== null) lastEventId = message.id;
          onMessage(message);
        },
      });
    } catch {
      // The cause does not matter: what follows is the same pause and the same attempt.
    }
    if (heardAt === Infinity) {
      heardAt = Date.now();
      setConnection('connecting');
    }
    await pause(pauseMs, closed);
    pauseMs = Math.min(pauseMs * 2, pauseMaxMs);
  }
}

interface Reader {
  /** The server has answered. */
  readonly onHeard: () => void;
  readonly onMessage: (message: StreamMessage) => void;
}

/** Reads one connection to its end. */
async function readOnce(
  path: string,
  lastEventId: string | null,
  closed: AbortSignal,
  { onHeard, onMessage }: Reader,
): Promise<void> {
  const dropping = new AbortController();
  const drop = () => dropping.abort();
  closed.addEventListener('abort', drop);
  let silence = setTimeout(drop, silenceMaxMs);
  try {
    const headers = { accept: 'text/event-stream', ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}) };
    const answer = await fetch(path, { headers, signal: dropping.signal, cache: 'no-store' });
    if (!answer.ok || !answer.body) throw new Error(`the stream answered ${answer.status}`);
    onHeard();
    const parser = new SseParser();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(drop, silenceMaxMs);
      parser.push(value).forEach(onMessage);
    }
  } finally {
    clearTimeout(silence);
    closed.removeEventListener('abort', drop);
  }
}

function pause(ms: number, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (closed.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    closed.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
