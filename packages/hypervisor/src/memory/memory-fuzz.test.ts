import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { AddressSpace } from './address-space.js';
import { FrameTable } from './frame-table.js';
import { MemoryWorld } from './memory-world.sim.js';
import { PageTables } from './page-tables.js';
import { PhysicalMap } from './physical-map.js';

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

/** What the suite says of a few seeds; null when it finds nothing wrong. */
function firstFinding(): string | null {
  try {
    for (let seed = 1; seed <= 8; seed += 1) {
      const world = new MemoryWorld(seed);
      for (let step = 1; step <= STEPS; step += 1) {
        world.step();
        if (step % 7 === 0) world.check();
      }
    }
  } catch (thrown) {
    return String(thrown);
  }
  return null;
}

describe('planted bugs are found', () => {
  afterEach(() => void jest.restoreAllMocks());

  const plants: [string, () => void][] = [
    [
      'F4 bytes outlive their owner',
      () => jest.spyOn(Map.prototype, 'delete').mockImplementation(keepBytes()),
    ],
    [
      'F5 a table that is let go keeps its references',
      () => jest.spyOn(PageTables.prototype, 'devalidate').mockReturnValue(),
    ],
    [
      'F8 a base pointer holds nothing',
      () => jest.spyOn(AddressSpace.prototype, 'setBase').mockImplementation(freeBase),
    ],
    [
      'F9 a read-only grant can be written',
      () => jest.spyOn(PhysicalMap.prototype, 'reach').mockImplementation(readOnlyIsWritable()),
    ],
    [
      'F2 a frame is stolen from those who map it',
      () => jest.spyOn(FrameTable.prototype, 'stealPage').mockImplementation(stealAnything()),
    ],
    [
      'F10 a grant is unmapped and its entry stays',
      () => jest.spyOn(AddressSpace.prototype, 'unmapGrant').mockReturnValue(),
    ],
  ];

  test.each(plants)('%s', (_, plant) => {
    plant();
    expect(firstFinding()).not.toBeNull();
  });

  test('and without one nothing is found', () => {
    expect(firstFinding()).toBeNull();
  });
});

/** Deletes from every map but the one of frames' contents. */
function keepBytes(): typeof Map.prototype.delete {
  const real = Map.prototype.delete;
  return function (this: Map<unknown, unknown>, key: unknown) {
    return this.get(key) instanceof Uint8Array ? true : real.call(this, key);
  };
}

function freeBase(this: AddressSpace, vcpu: number, mfn: number): number {
  if (this.translated || this.frames.tableLevel(mfn) !== 4) return -22;
  (Reflect.get(this, 'bases') as Int32Array)[vcpu] = mfn;
  return 0;
}

function readOnlyIsWritable(): typeof PhysicalMap.prototype.reach {
  const real = PhysicalMap.prototype.reach;
  return function (this: PhysicalMap, gfn: number) {
    return real.call(this, gfn, false);
  };
}

function stealAnything(): typeof FrameTable.prototype.stealPage {
  const real = FrameTable.prototype.stealPage;
  return function (this: FrameTable, mfn: number, domId: number) {
    if (this.ownerOf(mfn) === domId && this.records.typeCount[mfn] === 0) this.records.count[mfn] = 1;
    return real.call(this, mfn, domId);
  };
}
