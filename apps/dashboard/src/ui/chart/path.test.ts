import { describe, expect, test } from '@jest/globals';
import { areaPath, linePath, placePoints, topOf } from './path';

const frame = { width: 100, height: 40, top: 10, slots: 5 };

describe('chart geometry', () => {
  test('the newest value is at the right edge, however short the series', () => {
    expect(placePoints([10], frame)).toEqual([{ x: 100, y: 0 }]);
    expect(placePoints([0, 5], frame)).toEqual([
      { x: 75, y: 40 },
      { x: 100, y: 20 },
    ]);
  });

  test('values outside the frame are drawn at its edge', () => {
    expect(placePoints([-5, 25], frame).map((point) => point.y)).toEqual([40, 0]);
  });

  test('an empty series draws nothing', () => {
    expect(linePath([])).toBe('');
    expect(areaPath([], 40)).toBe('');
  });

  test('the limit is in the picture once the values come within sight of it', () => {
    expect(topOf([50], 100, 1)).toBeCloseTo(115);
    expect(topOf([2], 100, 1)).toBeCloseTo(2.8);
    expect(topOf([], null, 1)).toBeCloseTo(1.4);
  });
});
