/** One map key of several ids. Ids hold no control characters, so two different lists never make the same key. */
export function joinKey(...ids: readonly string[]): string {
  return ids.join('\u0000');
}
