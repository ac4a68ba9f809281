// Whether an external Redis can be used, asked without a client library.
import net from 'node:net';
import tls from 'node:tls';
import { Refusal } from '../checkout.mjs';

/** @param {string} redisUrl @throws {Refusal} naming the server and what it said. */
export async function checkRedis(redisUrl) {
  const url = new URL(redisUrl);
  const place = { host: url.hostname, port: Number(url.port || 6379) };
  const said = await ask(place, url).catch((error) => error.code ?? error.message);
  if (said === '+PONG') return;
  throw new Refusal(
    `Redis at ${place.host}:${place.port} cannot be used (${said}). Start it or correct REDIS_URL, or unset it to use the embedded one.`,
  );
}

function ask(place, url) {
  return new Promise((resolve, reject) => {
    const socket =
      url.protocol === 'rediss:' ? tls.connect({ ...place, servername: place.host }) : net.connect(place);
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    const login = password ? command('AUTH', ...(user ? [user] : []), password) : '';
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer in 5 s')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it closed the connection')));
    socket.write(login + command('PING'));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\r\n').slice(0, -1);
      const last = lines.find((line) => line.startsWith('-')) ?? lines.find((line) => line === '+PONG');
      if (last === undefined) return;
      resolve(last.replace(/^-/, ''));
      socket.end();
    });
  });
}

function command(...words) {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
