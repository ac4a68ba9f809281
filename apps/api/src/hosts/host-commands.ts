/**
 * Durable commands to hosts.
 *
 * Design. A command is a row written in the transaction of its cause; PostgreSQL's NOTIFY, which is sent at commit,
 * tells the process that runs the host to look. A row stays `queued` until the host has answered, and a host answers a
 * repeated command with its first answer, so a crash on either side repeats the command and changes nothing. The
 * answer may name a job to run next: no job ever waits for a host.
 */
import { Injectable } from '@nestjs/common';
import type { Command, HostEvent } from '@xenorack/xenoserver';
import type { JobMap, JobName } from '../platform/job-map.js';
import { Jobs } from '../platform/jobs.js';
import { UnitOfWork, type Tx } from '../platform/unit-of-work.js';
import { HostCommandStore, type HostCommandRow } from './host-command.store.js';

export type ThenJob = { [N in JobName]: { name: N; payload: JobMap[N] } }[JobName];

type OperationDone = Extract<HostEvent, { type: 'operation-done' }>;

@Injectable()
export class HostCommands {
  constructor(
    private readonly store: HostCommandStore,
    private readonly unitOfWork: UnitOfWork,
    private readonly jobs: Jobs,
  ) {}

  /** Queues a command; the same operation id twice queues it once. `then` runs after the answer, good or bad. */
  async send(tx: Tx, hostId: string, command: Command, then?: ThenJob): Promise<void> {
    await this.store.add(tx, hostId, command, then ?? null);
  }

  /** The command's row, or null when it was never sent. */
  async find(operationId: string, tx?: Tx): Promise<HostCommandRow | null> {
    return this.store.find(operationId, tx);
  }

  /** Commands the host has not answered yet, in the order they were sent. */
  async queued(hostId: string): Promise<HostCommandRow[]> {
    return this.store.queued(hostId);
  }

  /** Records the host's answer and asks for the job that waits for it, in one transaction. */
  async settle(event: OperationDone): Promise<void> {
    await this.unitOfWork.run(async (tx) => {
      const row = await this.store.settle(tx, event.operationId, event);
      if (row?.thenJob) {
        const then = row.thenJob as ThenJob;
        await this.jobs.request(tx, then.name, then.payload);
      }
    });
  }
}
