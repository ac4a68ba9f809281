import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import type { SocketCommand } from '../abi/sockets.js';
import type { GuestRoutine } from '../guest/coroutine.js';
import { LIMITS } from '../limits.js';
import type { SocketBackend } from './socket-backend.js';
import type { SocketLink } from './socket-link.js';

/** Serves one command of a domain, and hands waiting connections to waiting accepts. */
export function* runSocketCommand(backend: SocketBackend, link: SocketLink): GuestRoutine {
  if (link.ring.requests > 0) {
    const command = link.ring.takeRequest();
    yield { do: 'work', ns: CPU_MODEL.socketCommandNs, onBehalfOf: link.domId };
    if (link.closed) return;
    const result = perform(backend, link, command);
    if (result !== null) respond(backend, link, { id: idOf(command), result });
  }
  handOver(backend, link);
  if (link.ring.requests > 0) backend.enqueue(link);
}

/** The answer of a command; null when the answer comes later. */
function perform(
  backend: SocketBackend,
  link: SocketLink,
  command: SocketCommand | undefined,
): number | null {
  if (typeof command !== 'object' || command === null || !Number.isSafeInteger(command.id))
    return -ERRNO.EINVAL;
  switch (command.cmd) {
    case 'listen':
      return listen(backend, link, command.guestPort);
    case 'accept': {
      const listener = link.listeners.get(command.listener);
      if (listener === undefined) return -ERRNO.EINVAL;
      if (listener.accepts.length >= LIMITS.socketRingCommandsMax) return -ERRNO.ENOBUFS;
      listener.accepts.push(command.id);
      return null;
    }
    case 'release': {
      const connection = link.connections.get(command.connection);
      if (connection !== undefined) backend.release(connection);
      return 0;
    }
    default:
      return -ERRNO.EOPNOTSUPP;
  }
}

function listen(backend: SocketBackend, link: SocketLink, guestPort: number): number {
  if (!Number.isInteger(guestPort) || guestPort < 1 || guestPort > 65535) return -ERRNO.EINVAL;
  if (link.listeners.size >= LIMITS.socketListenersPerDomainMax) return -ERRNO.ENOBUFS;
  for (const l of link.listeners.values()) if (l.guestPort === guestPort) return -ERRNO.EADDRINUSE;
  const listener = link.nextNumber;
  link.nextNumber += 1;
  backend.addListener(link, listener, guestPort);
  return listener;
}

function handOver(backend: SocketBackend, link: SocketLink): void {
  for (const listener of link.listeners.values()) {
    while (listener.accepts.length > 0 && listener.backlog.length > 0) {
      const connection = listener.backlog.shift() as NonNullable<(typeof listener.backlog)[0]>;
      if (connection.closed) continue;
      const channel = backend.services.connect(link);
      if (channel === null) {
        backend.drop(connection);
        continue;
      }
      connection.number = link.nextNumber;
      link.nextNumber += 1;
      connection.frontPort = channel.frontPort;
      backend.open(connection, channel.port);
      link.connections.set(connection.number, connection);
      respond(backend, link, {
        id: listener.accepts.shift() as number,
        result: connection.number,
        data: connection.data,
        port: channel.frontPort,
      });
      backend.enqueue(connection);
    }
  }
}

function respond(
  backend: SocketBackend,
  link: SocketLink,
  response: Parameters<SocketLink['ring']['respond']>[0],
): void {
  link.ring.respond(response);
  backend.services.send(link.port);
}

function idOf(command: SocketCommand | undefined): number {
  return typeof command?.id === 'number' ? command.id : -1;
}
