/**
 * Starts a XenoServer in a worker thread of this process and holds it by a HostLink.
 *
 * Design. Commands and events are plain JSON messages, the same that a queue would carry to another machine. Events that
 * arrive before anyone listens wait (at most WAITING_EVENTS_MAX) for the first listener.
 */
import { Worker } from 'node:worker_threads';
import type { Command, HostEvent, HostLink } from './control.js';
import type { XenoServerOptions } from './host/xenoserver.js';

const WAITING_EVENTS_MAX = 10_000;

export type ToWorker = { type: 'command'; command: Command } | { type: 'stop' };
export type FromWorker =
  | { type: 'event'; event: HostEvent }
  | { type: 'ready' }
  | { type: 'stopped' }
  | { type: 'failed'; detail: string };

class WorkerLink implements HostLink {
  private readonly listeners: ((event: HostEvent) => void)[] = [];
  private readonly waiting: HostEvent[] = [];
  private stopping: Promise<void> | null = null;
  private gone = false;

  constructor(
    readonly hostId: string,
    private readonly worker: Worker,
  ) {}

  send(command: Command): void {
    if (!this.gone) this.worker.postMessage({ type: 'command', command } satisfies ToWorker);
  }

  onEvent(listener: (event: HostEvent) => void): void {
    this.listeners.push(listener);
    for (const event of this.waiting.splice(0)) listener(event);
  }

  stop(): Promise<void> {
    this.stopping ??= this.gone ? Promise.resolve() : this.stopWorker();
    return this.stopping;
  }

  deliver(event: HostEvent): void {
    if (this.listeners.length > 0) for (const listener of this.listeners) listener(event);
    else if (this.waiting.length < WAITING_EVENTS_MAX) this.waiting.push(event);
  }

  /** The thread ended. Unasked for, that is a host that froze: its last durable readings are in its folder. */
  ended(detail: string): void {
    if (this.gone) return;
    this.gone = true;
    if (this.stopping === null) this.deliver({ type: 'frozen', hostId: this.hostId, epoch: 0, detail });
  }

  private async stopWorker(): Promise<void> {
    await new Promise<void>((done, failed) => {
      this.worker.on('message', (message: FromWorker) => {
        if (message.type === 'stopped') done();
        if (message.type === 'failed')
          failed(new Error(`host ${this.hostId} did not stop cleanly: ${message.detail}`));
      });
      this.worker.once('exit', () => done());
      this.worker.postMessage({ type: 'stop' } satisfies ToWorker);
    });
    this.gone = true;
    await this.worker.terminate();
  }
}

/**
 * Starts the host kept in `options.dataDir` (made when missing) and answers once it has booted; the `booted` event is
 * the first one delivered. Rejects with a clear message when the folder, the key or a volume can not be opened.
 */
export function startXenoServer(options: XenoServerOptions): Promise<HostLink> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: options,
      name: `xenoserver ${options.hostId}`,
      // Flags of the owner's own start (an inline script, a test runner) are not for this thread.
      execArgv: [],
    });
    const link = new WorkerLink(options.hostId, worker);
    const failStart = (detail: string): void =>
      failed(new Error(`host ${options.hostId} can not start: ${detail}`));
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'event') link.deliver(message.event);
      else if (message.type === 'ready') done(link);
      else if (message.type === 'failed') failStart(message.detail);
    });
    worker.on('error', (error) => {
      failStart(error.message);
      link.ended(error.stack ?? error.message);
    });
    worker.on('exit', (code) => {
      failStart(`its thread ended with ${code}`);
      link.ended(`the thread ended with ${code}`);
    });
  });
}
