import http from 'node:http';

export interface StreamMessage {
  id?: string;
  event: string;
  data: any;
  /** When it arrived, ms of a steady clock. */
  atMs: number;
}

/** An open text/event-stream; it keeps what it was sent. */
export class EventReader {
  readonly messages: StreamMessage[] = [];
  private text = '';
  private readonly request: http.ClientRequest;

  constructor(url: string, headers: Record<string, string>) {
    this.request = http.get(
      url,
      { headers: { accept: 'text/event-stream', ...headers }, agent: false },
      (head) => head.on('data', (chunk: Buffer) => this.take(chunk.toString())),
    );
    this.request.on('error', () => undefined);
  }

  of(event: string): StreamMessage[] {
    return this.messages.filter((message) => message.event === event);
  }

  close(): void {
    this.request.destroy();
  }

  private take(chunk: string): void {
    const blocks = (this.text + chunk).split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      );
      if (fields['event'])
        this.messages.push({
          id: fields['id'],
          event: fields['event'],
          data: JSON.parse(fields['data'] ?? 'null'),
          atMs: performance.now(),
        });
    }
  }
}
