import { describe, expect, test } from '@jest/globals';
import { SerialQueue } from './serial-queue.js';

describe('SerialQueue', () => {
  test('tasks that share a key run in order, others side by side, and a failed one stops nobody', async () => {
    const queue = new SerialQueue();
    const done: string[] = [];
    let letGo = (): void => undefined;
    const held = new Promise<void>((go) => (letGo = go));
    const first = queue.add(['a', 'b'], async () => {
      await held;
      done.push('first');
      throw new Error('failed');
    });
    const second = queue.add(['b'], async () => void done.push('second'));
    await queue.add(['c'], async () => void done.push('beside'));
    expect(done).toEqual(['beside']);
    letGo();
    await expect(first).rejects.toThrow('failed');
    await second;
    expect(done).toEqual(['beside', 'first', 'second']);
    expect(queue.length).toBe(0);
  });

  test('idle waits for everything that was added, tasks without a key too', async () => {
    const queue = new SerialQueue();
    const done: string[] = [];
    let letGo = (): void => undefined;
    const held = new Promise<void>((go) => (letGo = go));
    void queue.add([], async () => {
      await held;
      done.push('keyless');
    });
    const idle = queue.idle().then(() => done.push('idle'));
    await new Promise((turn) => setImmediate(turn));
    letGo();
    await idle;
    expect(done).toEqual(['keyless', 'idle']);
  });
});
