import type { GuestImage, StartInfo } from '../abi/guest.js';
import { coroutineGuest, type GuestRoutine } from '../guest/coroutine.js';

/** What xenstored serves: connections, one piece of work at a time. */
export interface XenstoreConnections {
  /** A domain rang the port of xenstored's end. */
  rang(port: number): void;
  /** Does the next message; null when nobody waits. `onBehalfOf` is who pays, undefined for the host's own domains. */
  take(): { onBehalfOf: number | undefined; ns: bigint } | null;
  /** What was taken is paid: answers it. */
  finish(): void;
}

/** The xenstore daemon in a driver domain of its own: takes, pays on behalf of who asked, answers. */
export function xenstoredImage(connections: XenstoreConnections): GuestImage {
  return { name: 'xenstored', boot: (info) => coroutineGuest(() => main(info, connections)) };
}

function* main(info: StartInfo, connections: XenstoreConnections): GuestRoutine {
  for (;;) {
    for (const port of info.takePendingPorts()) connections.rang(port);
    const work = connections.take();
    if (work === null) {
      yield { do: 'block' };
      continue;
    }
    yield { do: 'work', ns: work.ns, onBehalfOf: work.onBehalfOf };
    connections.finish();
  }
}
