import { Injectable } from '@nestjs/common';
import type { Command, HostEvent } from '@xenorack/xenoserver';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

type OperationDone = Extract<HostEvent, { type: 'operation-done' }>;

export interface HostCommandRow {
  id: string;
  hostId: string;
  command: Command;
  thenJob: unknown;
  status: 'queued' | 'succeeded' | 'failed';
  result: OperationDone | null;
}

/** Channel of the notification that a host has something to do; the payload is the host's id. */
export const HOST_COMMAND_CHANNEL = 'xenorack_host_command';

@Injectable()
export class HostCommandStore {
  constructor(private readonly database: Database) {}

  async add(tx: Tx, hostId: string, command: Command, thenJob: unknown): Promise<void> {
    await tx.$executeRaw`
      INSERT INTO host_command (id, host_id, command, then_job)
      VALUES (${command.operationId}, ${hostId}, ${JSON.stringify(command)}::jsonb,
              ${thenJob === null ? null : JSON.stringify(thenJob)}::jsonb)
      ON CONFLICT (id) DO NOTHING`;
    await tx.$executeRaw`SELECT pg_notify(${HOST_COMMAND_CHANNEL}, ${hostId})`;
  }

  async find(id: string, tx?: Tx): Promise<HostCommandRow | null> {
    const row = await (tx ?? this.database.prisma).hostCommand.findUnique({ where: { id } });
    return row ? (row as unknown as HostCommandRow) : null;
  }

  async queued(hostId: string): Promise<HostCommandRow[]> {
    const rows = await this.database.prisma.hostCommand.findMany({
      where: { hostId, status: 'queued' },
      orderBy: { position: 'asc' },
    });
    return rows as unknown as HostCommandRow[];
  }

  /** Sets the answer once; null when it was set before or the command is unknown. */
  async settle(tx: Tx, id: string, result: OperationDone): Promise<HostCommandRow | null> {
    const { count } = await tx.hostCommand.updateMany({
      where: { id, status: 'queued' },
      data: { status: result.ok ? 'succeeded' : 'failed', result: result as object, doneAt: new Date() },
    });
    return count === 0 ? null : this.find(id, tx);
  }
}
