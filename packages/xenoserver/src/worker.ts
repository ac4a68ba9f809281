/** The worker thread of one XenoServer: JSON messages in and out, nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import type { HostEvent } from './control.js';
import { XenoServer, type XenoServerOptions } from './host/xenoserver.js';
import type { FromWorker, ToWorker } from './start-xenoserver.js';

async function serve(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('worker.js is the entry of a worker thread, not of a process');
  const post = (message: FromWorker): void => port.postMessage(message);
  const emit = (event: HostEvent): void => post({ type: 'event', event });
  const server = await XenoServer.open(workerData as XenoServerOptions, emit);
  port.on('message', (message: ToWorker) => {
    if (message.type === 'command') {
      server.receive(message.command);
      return;
    }
    server.stop().then(
      () => {
        post({ type: 'stopped' });
        port.close();
      },
      (error: unknown) => post({ type: 'failed', detail: String(error) }),
    );
  });
  post({ type: 'ready' });
  server.start();
}

serve().catch((error: unknown) => {
  parentPort?.postMessage({ type: 'failed', detail: error instanceof Error ? error.message : String(error) });
  parentPort?.close();
});
