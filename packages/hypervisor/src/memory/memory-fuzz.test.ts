import { describe, expect, test } from '@jest/globals';
import { MemoryWorld } from './memory-world.sim.js';

const SEEDS = 24;
const STEPS = 2_500;

describe('memory under hostile domains', () => {
  test.each(Array.from({ length: SEEDS }, (_, at) => at + 1))(
    'F3 F5 F6 F9 every reference recounted equals the counts, and no access leaves what is own or granted (seed %i)',
    (seed) => {
      const world = new MemoryWorld(seed);
      const free = world.frames.freeFrames;
      for (let step = 1; step <= STEPS; step += 1) {
        world.step();
        if (step % 7 === 0) world.check();
      }
      expect([...world.did.keys()].length).toBeGreaterThan(11);
      world.end();
      world.check();
      expect(world.frames.recount()).toMatchObject({ ownedFrames: 0, zombieFrames: 0 });
      expect(world.frames.freeFrames).toBeGreaterThanOrEqual(free);
      expect(world.frames.freeFrames + world.frames.xenFrames).toBe(world.frames.totalFrames);
    },
  );
});
