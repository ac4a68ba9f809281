import http from 'node:http';

export interface Exchange {
  status: number;
  body: string;
  /** Bytes this side put on the wire of TCP, and took from it: heads included. */
  sentBytes: bigint;
  receivedBytes: bigint;
}

/** One request on a connection of its own, with the bytes its socket really moved. */
export function exchange(url: string): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, headers: { connection: 'close' } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { socket } = answer;
        resolve({
          status: answer.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          sentBytes: BigInt(socket.bytesWritten),
          receivedBytes: BigInt(socket.bytesRead),
        });
      });
    });
    request.on('error', reject);
  });
}
