// One side of the metering bench. Without metering the meter bank and the runstate clocks do nothing; what decides the
// run (credit, caps, time) is the same, and the books are not asked to close.
import { parentPort, workerData } from 'node:worker_threads';
import { createMemoryHost, IMAGES } from '@xenorack/hypervisor';
import { Incarnation } from '../../../packages/hypervisor/dist/meter/incarnation.js';
import { CpuBooks } from '../../../packages/hypervisor/dist/sched/cpu-books.js';
import { computes, start } from './lab.mjs';

const { isMetered, images } = workerData;
if (!isMetered) {
  Incarnation.prototype.add = function add() {};
  Incarnation.prototype.accrue = function accrue() {};
  CpuBooks.prototype.accrueRunstate = function accrueRunstate() {};
}

const { host } = createMemoryHost({ pcpus: 4, frames: 1 << 20, xenFrames: 1_024, seed: 1 });
const known = { ...IMAGES, computes: computes() };
for (let i = 0; i < 60; i += 1) start(host, `d${i}`, known[images[i % images.length]]);
host.run(1_000_000_000n);

parentPort.on('message', (spanMs) => {
  const startedMs = performance.now();
  host.run(host.nowNs + BigInt(spanMs) * 1_000_000n);
  const ms = performance.now() - startedMs;
  host.drainEvents();
  parentPort.postMessage(ms);
});
