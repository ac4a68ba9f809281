import { describe, expect, test } from '@jest/globals';
import type { LivePoint } from '../../api/live/figures';
import { fillWithHistory, limitOf, pointsOf } from './history';

const at = (second: number) => new Date(second * 1000).toISOString();
const metrics = {
  series: [
    {
      name: 'cpu',
      unit: 'percent',
      limit: '100',
      points: [
        [at(2), '5'],
        [at(1), '4'],
        [at(3), null],
      ],
    },
    { name: 'net_tx', unit: 'bytes_per_s', limit: null, points: [[at(1), '100']] },
  ],
};

describe('strip history', () => {
  test('series become points by time; a missing reading makes no point', () => {
    const points = pointsOf(metrics);
    expect(points.map((point) => [point.at, point.cpu, point.netTx])).toEqual([
      [1000, 4, 100],
      [2000, 5, 0],
    ]);
  });

  test('history ends where the stream begins', () => {
    const point = (second: number, cpu: number) => ({ at: second * 1000, cpu }) as LivePoint;
    const filled = fillWithHistory([point(1, 1), point(2, 1), point(3, 1)], [point(2, 9), point(3, 9)]);
    expect(filled.map((one) => one.cpu)).toEqual([1, 9, 9]);
  });

  test('no limit is not a limit of zero', () => {
    expect([limitOf(metrics, 'cpu'), limitOf(metrics, 'net_tx'), limitOf(undefined, 'cpu')]).toEqual([
      100,
      null,
      null,
    ]);
  });
});
