// What metering costs: the same run by two threads with code of their own, one of which has its meters cut out.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { interleavedRatio } from '../measure.mjs';

export async function meteringCost(isSmall) {
  // Domains that do the work they declare; and, as a detail, nothing but the scheduler's own work.
  const whole = await compare(['computes', 'bursty', 'tick-dodger'], isSmall ? 20 : 400, isSmall ? 5 : 15);
  const alone = await compare(['busy', 'bursty', 'tick-dodger'], isSmall ? 20 : 4_000, isSmall ? 5 : 9);
  return {
    name: 'hypervisor.metering_cost_ratio',
    value: whole.ratio,
    unit: 'ratio',
    baseline: 'the same run with the meter bank cut out',
    goal: 1.02,
    better: 'lower',
    detail: { metered_ms: whole.subject, unmetered_ms: whole.baseline, of_scheduling_alone: alone.ratio },
  };
}

async function compare(images, spanMs, rounds) {
  const file = fileURLToPath(new URL('metering-worker.mjs', import.meta.url));
  const workers = [true, false].map((isMetered) => new Worker(file, { workerData: { isMetered, images } }));
  const run = async (worker) => {
    worker.postMessage(spanMs);
    const [ms] = await once(worker, 'message');
    return ms;
  };
  const [metered, unmetered] = workers;
  try {
    for (const worker of workers) await run(worker);
    return await interleavedRatio({ subject: () => run(metered), baseline: () => run(unmetered), rounds });
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
