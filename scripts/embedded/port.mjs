// TCP ports on the loopback interface.
import net from 'node:net';

/** @returns {Promise<number>} A port nobody listens on now. */
export function freePort() {
  return listen(0);
}

/** @param {number} port @returns {Promise<boolean>} Whether a server could listen on it now. */
export async function isFree(port) {
  return (await listen(port).catch(() => 0)) === port;
}

function listen(port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const bound = server.address().port;
      server.close(() => resolve(bound));
    });
  });
}

/** @param {number} port @returns {Promise<boolean>} Whether something accepts connections there. */
export function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.setTimeout(2_000, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
