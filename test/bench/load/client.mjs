// A client of the running product: JSON over kept connections, and its event stream.
import http from 'node:http';

/** @param {string} apiUrl */
export function createClient(apiUrl, { connections = 16 } = {}) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const send = (method, path, { body, headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const type =
        text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const request = http.request(
        `${apiUrl}${path}`,
        { method, agent, headers: { ...type, ...headers } },
        (answer) => {
          const chunks = [];
          answer.on('data', (chunk) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({
              status: answer.statusCode,
              headers: answer.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  return {
    send,
    /** Sends and reads JSON; an answer that is not a success is an error. */
    async json(method, path, sent) {
      const { status, headers, text } = await send(method, path, sent);
      if (status < 200 || status > 299)
        throw new Error(`${method} ${path} answered ${status}: ${text.slice(0, 400)}`);
      return { body: text === '' ? undefined : JSON.parse(text), headers };
    },
    close: () => agent.destroy(),
  };
}

/** Signs a person in. @returns {Promise<Record<string, string>>} Headers of the session. */
export async function signIn(client, { email, password }) {
  const { body, headers } = await client.json('POST', '/v1/sessions', { body: { email, password } });
  const cookie = headers['set-cookie'].map((each) => each.split(';')[0]).join('; ');
  return { cookie, 'x-csrf-token': body.csrf_token };
}

/**
 * Opens a tenant's event stream and waits until it is live.
 * @param {(name: string, data: string, atMs: number) => void} onMessage The data is JSON text; `atMs` is when it came.
 * @returns {Promise<() => void>} Closes it.
 */
export function followEvents(apiUrl, headers, onMessage) {
  return new Promise((resolve, reject) => {
    const request = http.get(
      `${apiUrl}/v1/events`,
      { headers: { accept: 'text/event-stream', ...headers } },
      (answer) => {
        if (answer.statusCode !== 200)
          return reject(new Error(`the event stream answered ${answer.statusCode}`));
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => {
          const atMs = performance.timeOrigin + performance.now();
          const blocks = (text + chunk).split('\n\n');
          text = blocks.pop();
          for (const block of blocks) {
            const name = /^event: (.*)$/m.exec(block)?.[1];
            if (name === 'ready') resolve(() => request.destroy());
            if (name !== undefined) onMessage(name, /^data: (.*)$/m.exec(block)?.[1] ?? 'null', atMs);
          }
        });
        answer.on('error', () => undefined);
      },
    );
    request.on('error', reject);
  });
}
