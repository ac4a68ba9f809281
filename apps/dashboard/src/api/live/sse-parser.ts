// Reads a text/event-stream (HTML standard, section 9.2.6). The browser's EventSource cannot be used: it only hands
// over event names that were registered beforehand, and the feed's names are open-ended.

export interface StreamMessage {
  readonly event: string;
  readonly data: string;
  /** Present only on messages that carried an id: those can be resumed after. */
  readonly id: string | null;
}

/** Takes text as it arrives, in pieces cut anywhere, and returns the messages completed by each piece. */
export class SseParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | null = null;

  push(piece: string): StreamMessage[] {
    const messages: StreamMessage[] = [];
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') this.#dispatch(messages);
      else this.#field(line);
    }
    return messages;
  }

  #dispatch(messages: StreamMessage[]): void {
    if (this.#data.length > 0) {
      messages.push({ event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id });
    }
    this.#event = '';
    this.#data = [];
    this.#id = null;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#event = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id') this.#id = value;
  }
}
