// What every bench does with numbers.

/** @param {number[]} values @returns {number} */
export function median(values) {
  return percentile(values, 50);
}

/** @param {number[]} values @param {number} percent 0 to 100. @returns {number} The nearest value that was measured. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))];
}

/**
 * Times work. @template T @param {() => T | Promise<T>} work @returns {Promise<{ ms: number, result: T }>}
 */
export async function timed(work) {
  const startedMs = performance.now();
  const result = await work();
  return { ms: performance.now() - startedMs, result };
}

/**
 * The median ratio of two things that take turns, so that what else the machine does falls on both.
 * @param {{ subject: () => number | Promise<number>, baseline: () => number | Promise<number>, rounds?: number }} options
 *   Each answers one measurement in the same unit.
 * @returns {Promise<{ ratio: number, subject: number, baseline: number, ratios: number[] }>} Medians and every ratio.
 */
export async function interleavedRatio({ subject, baseline, rounds = 5 }) {
  const pairs = [];
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes, so that neither always finds the warm cache.
    const first = round % 2 === 0 ? await subject() : undefined;
    const base = await baseline();
    pairs.push({ subject: first ?? (await subject()), baseline: base });
  }
  const ratios = pairs.map((pair) => pair.subject / pair.baseline);
  return {
    ratio: median(ratios),
    subject: median(pairs.map((pair) => pair.subject)),
    baseline: median(pairs.map((pair) => pair.baseline)),
    ratios,
  };
}

/**
 * Draws whole numbers; the same ones for the same seed.
 * @param {number} seed @returns {(below: number) => number} From 0 up to, not including, `below` (at most 2^32).
 */
export function seeded(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
