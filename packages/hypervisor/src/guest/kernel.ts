import type { Guest, StartInfo } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import { coroutineGuest, type GuestEffect, type GuestRoutine } from './coroutine.js';

/** What a task of the guest kernel yields, beside what leaves the CPU: waiting, and letting other tasks go first. */
export type TaskEffect = GuestEffect | { do: 'wait'; on: WaitQueue; untilNs?: bigint } | { do: 'pass' };

export type TaskAnswer = HypercallAnswer | 'woken' | 'timeout' | undefined;

export type TaskRoutine<Result = void> = Generator<TaskEffect, Result, TaskAnswer>;

interface Task {
  routine: TaskRoutine;
  answer: TaskAnswer;
  waitingOn: WaitQueue | null;
  untilNs: bigint | null;
}

/** Tasks that wait for the same thing; they look again for it when they are woken. */
export class WaitQueue {
  readonly tasks = new Set<Task>();
}

/**
 * Design: the small kernel of the coroutine guests: cooperative tasks shared by all vCPUs of the domain. A vCPU runs a
 * task until it waits; events of Xen wake what waits for their port; a vCPU with nothing to do blocks, and is woken by
 * an inter-processor event when there is work for it.
 * Invariant: a task is in exactly one place: executing, ready, or waiting.
 */
export class GuestKernel {
  private readonly ready: Task[] = [];
  private readonly ports = new Map<number, WaitQueue>();
  private readonly timed = new Set<Task>();
  private readonly sleeping = new Set<number>();
  private readonly ipis = new Map<number, number>();
  /** What a program does when it is asked to end; null when it does not care. */
  onShutdownRequest: (() => TaskRoutine) | null = null;

  constructor(readonly info: StartInfo) {}

  /** The guest this kernel makes of its domain. */
  asGuest(): Guest {
    const guest = coroutineGuest((vcpu) => this.runVcpu(vcpu));
    return {
      ...guest,
      requestShutdown: () => {
        if (this.onShutdownRequest === null) return false;
        this.spawn(this.onShutdownRequest());
        return true;
      },
    };
  }

  spawn(routine: TaskRoutine): void {
    this.ready.push({ routine, answer: undefined, waitingOn: null, untilNs: null });
  }

  /** The queue that an event channel wakes. */
  queueOfPort(port: number): WaitQueue {
    let queue = this.ports.get(port);
    if (queue === undefined) {
      queue = new WaitQueue();
      this.ports.set(port, queue);
    }
    return queue;
  }

  forgetPort(port: number): void {
    this.ports.delete(port);
  }

  wakeAll(queue: WaitQueue): void {
    for (const task of queue.tasks) this.makeReady(task, 'woken');
  }

  private makeReady(task: Task, answer: TaskAnswer): void {
    task.waitingOn?.tasks.delete(task);
    task.waitingOn = null;
    task.untilNs = null;
    this.timed.delete(task);
    task.answer = answer;
    this.ready.push(task);
  }

  private *runVcpu(vcpu: number): GuestRoutine {
    if (this.info.vcpus > 1) {
      const port = yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'bind_ipi', vcpu } };
      if (typeof port === 'number' && port > 0) this.ipis.set(vcpu, port);
    }
    for (;;) {
      this.takeEvents();
      const task = this.ready.shift();
      if (task === undefined) {
        this.sleeping.add(vcpu);
        yield { do: 'block', untilNs: this.earliest() };
        this.sleeping.delete(vcpu);
        continue;
      }
      if (this.ready.length > 0) yield* this.wakeSibling();
      yield* this.runTask(task);
    }
  }

  private *runTask(task: Task): GuestRoutine {
    let { answer } = task;
    for (;;) {
      const step = task.routine.next(answer);
      if (step.done) return;
      const effect = step.value;
      if (effect.do === 'wait') {
        task.waitingOn = effect.on;
        effect.on.tasks.add(task);
        task.untilNs = effect.untilNs ?? null;
        if (task.untilNs !== null) this.timed.add(task);
        return;
      }
      if (effect.do === 'pass') {
        task.answer = undefined;
        this.ready.push(task);
        return;
      }
      answer = yield effect;
    }
  }

  private *wakeSibling(): GuestRoutine {
    for (const sibling of this.sleeping) {
      const port = this.ipis.get(sibling);
      if (port === undefined) continue;
      this.sleeping.delete(sibling);
      yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } };
      return;
    }
  }

  private takeEvents(): void {
    for (const port of this.info.takePendingPorts()) {
      const queue = this.ports.get(port);
      if (queue !== undefined) this.wakeAll(queue);
    }
    const nowNs = this.info.systemTimeNs();
    for (const task of this.timed) {
      if (task.untilNs !== null && task.untilNs <= nowNs) this.makeReady(task, 'timeout');
    }
  }

  private earliest(): bigint | undefined {
    let earliest: bigint | undefined;
    for (const { untilNs } of this.timed) {
      if (untilNs !== null && (earliest === undefined || untilNs < earliest)) earliest = untilNs;
    }
    return earliest;
  }
}
