import type { FastifyReply } from 'fastify';
import type { EventWire } from '../platform/event-map.js';
import type { FigureText } from '../platform/live-feed.js';

/** A reader who has not taken this many bytes is dropped; it comes back with Last-Event-ID and misses nothing. */
const unreadBytesMax = 1024 * 1024;
/** Figures are skipped for a reader who is behind by this much: the next second brings newer ones. */
const unreadBytesForFigures = 64 * 1024;
const retryMs = 2_000;

/** One open text/event-stream answer. */
export class EventStream {
  /** The seq of the newest event written; older ones are not written again. */
  private lastSeq = -1n;
  private readonly ending: (() => void)[] = [];
  private ended = false;

  constructor(
    private readonly reply: FastifyReply,
    private readonly onDropped: () => void,
  ) {}

  /** Sends the head and a first byte at once: proxies and browsers then know that the stream is open. */
  open(): void {
    this.reply.hijack();
    const raw = this.reply.raw;
    raw.writeHead(200, {
      ...(this.reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      connection: 'keep-alive',
    });
    raw.once('close', () => this.end());
    raw.on('error', () => this.end());
    this.write(`retry: ${retryMs}\n: open\n\n`);
  }

  /** Runs when the stream ends, whoever ends it. */
  onEnd(run: () => void): void {
    if (this.ended) run();
    else this.ending.push(run);
  }

  get isOpen(): boolean {
    return !this.ended;
  }

  /** Says where the stream stands, so that a reader who leaves before the first event can come back to this point. */
  sendReady(seq: bigint): void {
    this.lastSeq = seq;
    this.write(`id: ${seq}\nevent: ready\ndata: {"seq":"${seq}"}\n\n`);
  }

  /** What was missed is too much or unknown: the reader is to load its state anew and go on from here. */
  sendResync(seq: bigint): void {
    this.lastSeq = seq;
    this.write(`id: ${seq}\nevent: resync\ndata: {"seq":"${seq}"}\n\n`);
  }

  resumeAfter(seq: bigint): void {
    this.lastSeq = seq;
  }

  sendEvent(event: EventWire): void {
    const seq = BigInt(event.seq);
    if (seq <= this.lastSeq) return;
    this.lastSeq = seq;
    this.write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  sendFigures(figures: readonly FigureText[]): void {
    if (this.reply.raw.writableLength < unreadBytesForFigures)
      this.write(figures.map(({ name, data }) => `event: ${name}\ndata: ${data}\n\n`).join(''));
  }

  sendHeartbeat(): void {
    this.write(': \n\n');
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const run of this.ending) run();
    this.reply.raw.end();
  }

  private write(text: string): void {
    if (this.ended) return;
    this.reply.raw.write(text);
    if (this.reply.raw.writableLength <= unreadBytesMax) return;
    this.onDropped();
    this.reply.raw.destroy();
    this.end();
  }
}
