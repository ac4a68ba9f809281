import { Injectable } from '@nestjs/common';
import type { Actor } from '../platform/actor.js';
import { newId } from '../platform/ids.js';
import { Outbox } from '../platform/outbox.js';
import type { Problem } from '../platform/problem.js';
import { type Tx, UnitOfWork } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { type OperationWire, toOperationWire } from './operation.dto.js';
import { type OperationChange, type OperationRow, OperationStore } from './operation.store.js';

export interface NewOperation {
  tenantId: string | null;
  /** Verb and noun of what is done, such as `domain.create`. */
  type: string;
  subjectType: string;
  subjectId: string;
  /** Null when nobody asked but a rule did, such as a used up budget. */
  actor: Pick<Actor, 'kind' | 'userId' | 'keyId'> | null;
  costEffect?: Record<string, unknown> | null;
  cancellable?: boolean;
}

/** Long actions with progress. Each change is announced as operation.updated in the transaction that makes it. */
@Injectable()
export class Operations {
  constructor(
    private readonly store: OperationStore,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
    private readonly clock: WallClock,
  ) {}

  /** Opens an operation as queued. */
  async open(tx: Tx, input: NewOperation): Promise<OperationRow> {
    const { actor } = input;
    const row: OperationRow = {
      id: newId('op'),
      tenantId: input.tenantId,
      type: input.type,
      subjectType: input.subjectType,
      subjectId: input.subjectId,
      status: 'queued',
      percent: 0,
      stage: null,
      actor: { kind: actor?.kind ?? 'system', user_id: actor?.userId ?? null, key_id: actor?.keyId ?? null },
      cancellable: input.cancellable ?? false,
      error: null,
      costEffect: input.costEffect ?? null,
      createdAt: this.clock.now(),
      startedAt: null,
      finishedAt: null,
    };
    await this.store.insert(tx, row);
    await this.announce(tx, row);
    return row;
  }

  /** Reports progress, which never goes back. An operation that has ended stays as it is. */
  async advance(id: string, progress: { percent: number; stage: string }): Promise<void> {
    await this.unitOfWork.run((tx) =>
      this.change(tx, id, (row) => ({
        status: 'running',
        percent: Math.max(row.percent, Math.min(99, Math.floor(progress.percent))),
        stage: progress.stage,
        startedAt: row.startedAt ?? this.clock.now(),
      })),
    );
  }

  async succeed(tx: Tx, id: string): Promise<void> {
    await this.change(tx, id, (row) => ({ status: 'succeeded', percent: 100, ...this.ended(row) }));
  }

  /** @param problem What Refusal.toProblem gives, or an object of the same members. */
  async fail(tx: Tx, id: string, problem: Problem | Record<string, unknown>): Promise<void> {
    await this.change(tx, id, (row) => ({ status: 'failed', error: { ...problem }, ...this.ended(row) }));
  }

  async cancel(tx: Tx, id: string): Promise<void> {
    await this.change(tx, id, (row) => ({ status: 'cancelled', ...this.ended(row) }));
  }

  toWire(row: OperationRow): OperationWire {
    return toOperationWire(row);
  }

  private ended(row: OperationRow) {
    const finishedAt = this.clock.now();
    return { startedAt: row.startedAt ?? finishedAt, finishedAt };
  }

  private async change(tx: Tx, id: string, decide: (row: OperationRow) => OperationChange): Promise<void> {
    const row = await this.store.lock(tx, id);
    if (!row) throw new Error(`operation ${id} does not exist`);
    if (hasEnded(row)) return;
    const change = decide(row);
    await this.store.update(tx, id, change);
    await this.announce(tx, { ...row, ...change, error: change.error ?? row.error });
  }

  private async announce(tx: Tx, row: OperationRow): Promise<void> {
    const { id, tenantId, type, status, percent, stage, error } = row;
    await this.outbox.write(tx, {
      tenantId,
      type: 'operation.updated',
      subject: { type: 'operation', id },
      data: { type, status, percent, stage, subject: { type: row.subjectType, id: row.subjectId }, error },
    });
  }
}

export function hasEnded(row: Pick<OperationRow, 'status'>): boolean {
  return row.status === 'succeeded' || row.status === 'failed' || row.status === 'cancelled';
}
