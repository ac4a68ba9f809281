import { LIMITS } from '../../limits.js';

export type SettingValue = string | number | readonly (string | number)[];

/** One `key = value` of a configuration, with the line on which it began. */
export interface Setting {
  key: string;
  value: SettingValue;
  line: number;
}

/** Why a text is not a configuration. */
export class ConfigFault extends Error {
  constructor(
    readonly line: number,
    readonly detail: string,
  ) {
    super(`line ${line}: ${detail}`);
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/**
 * Design: reads the syntax of xl.cfg (libxlu): `key = value` and `key += value`, one to a line or divided by semicolons; a
 * value is a quoted text with escapes, a number (decimal, 0x, 0 octal) or a list of those, which may span lines; `#`
 * begins a comment. Hostile input: every length is bounded, and nothing is evaluated.
 * @throws ConfigFault
 */
export class SettingsReader {
  private at = 0;
  private line = 1;

  constructor(private readonly text: string) {
    if (text.length > LIMITS.configCharactersMax)
      throw new ConfigFault(1, `text: at most ${LIMITS.configCharactersMax} characters, got ${text.length}`);
  }

  read(): Setting[] {
    const settings = new Map<string, Setting>();
    for (;;) {
      this.skip(/[\s;]/);
      if (this.at >= this.text.length) return [...settings.values()];
      this.readSetting(settings);
      if (settings.size > LIMITS.configSettingsMax)
        throw new ConfigFault(this.line, `settings: at most ${LIMITS.configSettingsMax}`);
    }
  }

  private readSetting(settings: Map<string, Setting>): void {
    const { line } = this;
    const key = this.word(/[A-Za-z0-9_]/);
    if (!/^[A-Za-z_]/.test(key)) throw this.unexpected('a key');
    this.skip(/[ \t]/);
    const adds = this.take('+=');
    if (!adds && !this.take('=')) throw this.unexpected(`= after ${key}`);
    this.skip(/[ \t]/);
    const value = this.value(key);
    this.skip(/[ \t\r]/);
    const next = this.text[this.at];
    if (next !== undefined && next !== '\n' && next !== ';')
      throw this.unexpected(`the end of the line after ${key}`);
    const before = settings.get(key);
    if (!adds) {
      if (before !== undefined) throw new ConfigFault(line, `${key}: given before, on line ${before.line}`);
      settings.set(key, { key, value, line });
      return;
    }
    settings.set(key, { key, value: added(before, value, { key, line }), line: before?.line ?? line });
  }

  private value(key: string): SettingValue {
    if (!this.take('[')) return this.atom(key);
    const list: (string | number)[] = [];
    for (;;) {
      this.skip(/\s/);
      if (this.take(']')) return list;
      if (list.length >= LIMITS.configListMax)
        throw new ConfigFault(this.line, `${key}: at most ${LIMITS.configListMax} elements`);
      list.push(this.atom(key));
      this.skip(/\s/);
      if (!this.take(',') && this.text[this.at] !== ']')
        throw this.unexpected(`, or ] in the list of ${key}`);
    }
  }

  private atom(key: string): string | number {
    const quote = this.text[this.at];
    if (quote === '"' || quote === "'") return this.quoted(key, quote);
    const digits = this.word(/[-A-Za-z0-9]/);
    const sound = /^-?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.test(digits);
    if (!sound) throw this.unexpected(`a text in quotes, a number or a list for ${key}`, digits);
    const negative = digits.startsWith('-');
    const plain = negative ? digits.slice(1) : digits;
    const number = /^0[0-7]+$/.test(plain) ? Number.parseInt(plain, 8) : Number(plain);
    if (!Number.isSafeInteger(number))
      throw new ConfigFault(
        this.line,
        `${key}: at most ${Number.MAX_SAFE_INTEGER}, got ${plain.slice(0, 40)}`,
      );
    return negative ? -number : number;
  }

  private quoted(key: string, quote: string): string {
    let text = '';
    this.at += 1;
    for (;;) {
      const c = this.text[this.at];
      if (c === undefined || c === '\n') throw this.unexpected(`${quote} at the end of the text of ${key}`);
      this.at += 1;
      if (c === quote) return text;
      text += c === '\\' ? this.escape(key) : c;
    }
  }

  private escape(key: string): string {
    const c = this.text[this.at] ?? '';
    const simple = SIMPLE_ESCAPES[c];
    if (simple !== undefined) {
      this.at += 1;
      return simple;
    }
    const coded = /^(?:x[0-9a-fA-F]{2}|[0-3]?[0-7]{1,2})/.exec(this.text.slice(this.at, this.at + 3))?.[0];
    if (coded === undefined) throw this.unexpected(`an escape in ${key}`);
    this.at += coded.length;
    const code = coded.startsWith('x') ? Number.parseInt(coded.slice(1), 16) : Number.parseInt(coded, 8);
    return String.fromCharCode(code);
  }

  /** Passes over what matches, and over comments. */
  private skip(what: RegExp): void {
    for (;;) {
      const c = this.text[this.at];
      if (c === '#') {
        while (this.at < this.text.length && this.text[this.at] !== '\n') this.at += 1;
      } else if (c !== undefined && what.test(c)) {
        if (c === '\n') this.line += 1;
        this.at += 1;
      } else return;
    }
  }

  private word(of: RegExp): string {
    const start = this.at;
    while (this.at < this.text.length && of.test(this.text[this.at] as string)) this.at += 1;
    return this.text.slice(start, this.at);
  }

  private take(what: string): boolean {
    if (!this.text.startsWith(what, this.at)) return false;
    this.at += what.length;
    return true;
  }

  private unexpected(wanted: string, got?: string): ConfigFault {
    const c = got === undefined || got === '' ? this.text[this.at] : got;
    const found = c === undefined || c === '\n' ? 'the end of the line' : JSON.stringify(c.slice(0, 40));
    return new ConfigFault(this.line, `${wanted} expected, got ${found}`);
  }
}

/** `+=` on a text, a list, or nothing. */
function added(
  before: Setting | undefined,
  value: SettingValue,
  { key, line }: { key: string; line: number },
): SettingValue {
  if (before === undefined) return value;
  if (Array.isArray(before.value) && Array.isArray(value)) {
    const list = [...(before.value as (string | number)[]), ...(value as (string | number)[])];
    if (list.length > LIMITS.configListMax)
      throw new ConfigFault(line, `${key}: at most ${LIMITS.configListMax} elements`);
    return list;
  }
  if (typeof before.value === 'string' && typeof value === 'string') return before.value + value;
  throw new ConfigFault(line, `${key}: += needs two texts or two lists`);
}
