import { describe, expect, test } from '@jest/globals';
import { HostileWorld } from './hostile-world.sim.js';

/*
 * The short form. The long form, a million calls of each of a hundred seeds:
 * FUZZ_SEEDS=100 FUZZ_CALLS=1000000 npm test -- --selectProjects=unit --testPathPatterns=fuzz.test
 */
const seeds = Number(process.env.FUZZ_SEEDS ?? 4);
const calls = Number(process.env.FUZZ_CALLS ?? 20_000);

describe('eight hostile domains that work together', () => {
  test.each(Array.from({ length: seeds }, (_, i) => i + 1))(
    'H7 no assertion fails, nobody reaches a frame not its own or granted, the books close (seed %i)',
    (seed) => {
      const world = new HostileWorld(seed);
      const tally = world.attackFor(calls);
      world.finish();
      expect(tally.hypercalls).toBeGreaterThanOrEqual(calls);
      expect(tally.loads).toBeGreaterThan(0);
      expect(tally.stores).toBeGreaterThan(0);
    },
    600_000,
  );
});
