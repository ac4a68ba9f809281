import type { FieldIssue } from './error.js';

const ISSUES_MAX = 100;

/**
 * Reads hostile JSON: every bad field is named with its pointer, the limit and the value, and reading goes on so that
 * one answer lists them all. A reader that found an issue returns undefined; the caller builds only when none was found.
 */
export class FieldReader {
  readonly issues: FieldIssue[] = [];

  /** Names a bad field. A body full of them is told about the first ISSUES_MAX. */
  refuse(pointer: string, code: string, detail: string, limit?: string, value?: unknown): undefined {
    const shown = value === undefined ? undefined : excerpt(value);
    if (this.issues.length < ISSUES_MAX) this.issues.push({ pointer, code, detail, limit, value: shown });
    return undefined;
  }

  /** A plain object with no keys but `known`. */
  object(
    value: unknown,
    pointer: string,
    known: readonly string[],
  ): Readonly<Record<string, unknown>> | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.refuse(pointer, 'not_an_object', 'must be an object', undefined, value);
    }
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) {
        this.refuse(
          `${pointer}/${escapePointer(key)}`,
          'unknown_field',
          'is not a known field',
          known.join(', '),
        );
      }
    }
    return value as Readonly<Record<string, unknown>>;
  }

  array(value: unknown, pointer: string, countMin: number, countMax: number): readonly unknown[] | undefined {
    if (!Array.isArray(value))
      return this.refuse(pointer, 'not_an_array', 'must be an array', undefined, value);
    if (value.length < countMin || value.length > countMax) {
      const limit = `${countMin}..${countMax}`;
      return this.refuse(pointer, 'bad_length', `must hold ${limit} entries`, limit, value.length);
    }
    return value as readonly unknown[];
  }

  /** A string of 1 to `lengthMax` characters without control characters, matching `pattern` when given. */
  text(value: unknown, pointer: string, lengthMax: number, pattern?: RegExp): string | undefined {
    if (typeof value !== 'string')
      return this.refuse(pointer, 'not_a_string', 'must be a string', undefined, value);
    if (value.length < 1 || value.length > lengthMax) {
      const limit = `1..${lengthMax}`;
      return this.refuse(pointer, 'bad_length', `must be ${limit} characters long`, limit, value.length);
    }
    if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(value)) {
      return this.refuse(pointer, 'control_character', 'must hold no control characters', undefined, value);
    }
    if (pattern !== undefined && !pattern.test(value)) {
      return this.refuse(pointer, 'bad_format', `must match ${pattern.source}`, pattern.source, value);
    }
    return value;
  }

  choice<T extends string>(value: unknown, pointer: string, choices: readonly T[]): T | undefined {
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    return this.refuse(pointer, 'not_a_choice', 'is not one of the choices', choices.join(', '), value);
  }

  /** An integer as decimal text (never a JSON number: those lose digits above 2^53), within min..max. */
  integer(value: unknown, pointer: string, min: bigint, max: bigint): bigint | undefined {
    if (typeof value !== 'string' || !/^(0|-?[1-9]\d{0,38})$/.test(value)) {
      return this.refuse(
        pointer,
        'not_an_integer',
        'must be an integer as a decimal string',
        undefined,
        value,
      );
    }
    const parsed = BigInt(value);
    if (parsed < min || parsed > max) {
      return this.refuse(pointer, 'out_of_range', `must be ${min}..${max}`, `${min}..${max}`, value);
    }
    return parsed;
  }
}

/** Never walks a hostile value: containers are named, not printed. */
function excerpt(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function escapePointer(key: string): string {
  return excerpt(key).replaceAll('~', '~0').replaceAll('/', '~1');
}
