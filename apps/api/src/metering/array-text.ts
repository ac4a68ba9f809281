/**
 * PostgreSQL array literals, written here because the driver's own way, element by element for any type, takes as long
 * as the insert of a whole batch. Every element is quoted but numbers, so no text can end its element.
 */

const special = /["\\]/g;

/** text[] */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(special, '\\$&')}"`).join(',')}}`;
}

/** bytea[] of hex digits. */
export function hexArray(values: readonly string[]): string {
  return `{${values.map((value) => `"\\\\x${value}"`).join(',')}}`;
}

/** bigint[] or numeric[] of decimal text. */
export function numberArray(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}

/** The same with gaps. */
export function nullableNumberArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/** text[] of number arrays: a list of vectors in one parameter. */
export function vectorArray(vectors: readonly (readonly string[])[]): string {
  return `{${vectors.map((vector) => `"{${vector.join(',')}}"`).join(',')}}`;
}

/** The elements of a numeric[] that came as text. */
export function readNumbers(text: string): bigint[] {
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(BigInt);
}
