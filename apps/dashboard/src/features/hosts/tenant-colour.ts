/** Hues far enough apart to tell by eye; names stand beside them, so colour is never the only sign. */
const hues = [260, 160, 305, 60, 200, 25, 130, 340];

/** The same tenant has the same colour on every host and every day. */
export function tenantColour(tenantId: string): string {
  let hash = 0;
  for (const character of tenantId) hash = (hash * 31 + character.charCodeAt(0)) >>> 0;
  return `oklch(0.62 0.14 ${hues[hash % hues.length] ?? 260})`;
}
