const { prototype } = Object.getPrototypeOf(Uint8Array) as { prototype: object };
const tagOf = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.get as () => unknown;
const lengthOf = Object.getOwnPropertyDescriptor(prototype, 'length')?.get as () => number;

/**
 * A copy of a guest's bytes, at most `lengthMax` of them; 'none' for what is no Uint8Array, 'long' for more. Asks the
 * array itself and none of its properties, which a guest may have written: no length lies, no iterator goes on for ever.
 */
export function copyBytes(value: unknown, lengthMax: number): Uint8Array | 'none' | 'long' {
  if (tagOf.call(value) !== 'Uint8Array') return 'none';
  const length = lengthOf.call(value);
  if (length > lengthMax) return 'long';
  const copied = new Uint8Array(length);
  copied.set(value as Uint8Array);
  return copied;
}
