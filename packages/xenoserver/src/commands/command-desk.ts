/**
 * Where commands arrive: checked, kept in order, executed once and answered.
 *
 * Invariants. An operation id is executed at most once per durable memory of it, and always answered the same. An answer
 * is given when the readings and the state it stands for are durable. Commands about one domain or volume are executed
 * in the order of their arrival. What broke on a fault of the host is answered EIO and not remembered: the restart
 * undoes it, and the command is executed anew when it is sent again.
 */
import type { Command, CommandError, HostEvent } from '../control.js';
import type { DomainBook } from '../host/domain-book.js';
import type { LiveHost } from '../host/live-host.js';
import type { BatchPublisher } from '../metering/batch-publisher.js';
import type { HostState, StoredAnswer } from '../storage/host-state.js';
import { checkCommand, commandKeys, readOperationId } from './check-command.js';
import type { CommandExecutor, Outcome } from './execute-command.js';
import { SerialQueue } from './serial-queue.js';
import type { ShutdownWaits } from './shutdown-waits.js';

const COMMANDS_WAITING_MAX = 10_000;

export interface DeskParts {
  hostId: string;
  live: LiveHost;
  state: HostState;
  domains: DomainBook;
  publisher: BatchPublisher;
  executor: CommandExecutor;
  waits: ShutdownWaits;
  emit: (event: HostEvent) => void;
}

export class CommandDesk {
  private readonly queue = new SerialQueue();
  private readonly inFlight = new Set<string>();
  private closed = false;

  constructor(private readonly parts: DeskParts) {}

  /** Takes no more commands; resolves when those it has are done. */
  close(): Promise<void> {
    this.closed = true;
    this.parts.waits.close();
    return this.queue.idle();
  }

  /** Runs a task of the host itself in turn with the commands of one domain. */
  inTurn(domainId: string, task: () => Promise<void>): Promise<void> {
    return this.queue.add([`domain ${domainId}`], task);
  }

  /** Takes a message of any origin. */
  receive(message: Command): void {
    const operationId = readOperationId(message);
    const malformed = checkCommand(message);
    if (operationId === null) return;
    if (malformed !== null) return this.answer(operationId, refusal(malformed));
    if (message.type === 'acknowledge') {
      // A stop sends what is left once more at the next start; there is nobody to write an acknowledgement down now.
      if (!this.closed)
        this.parts.publisher.acknowledge(message.epoch, message.batch, this.parts.live.pacer.dueNs());
      return;
    }
    const before = this.parts.state.operations.get(operationId);
    if (before !== undefined) return this.answer(operationId, before);
    if (this.inFlight.has(operationId)) return;
    if (this.parts.live.isFaulted || this.closed) {
      return this.answer(operationId, refusal({ code: 'EIO', detail: 'the host is frozen or stopping' }));
    }
    if (this.queue.length >= COMMANDS_WAITING_MAX) {
      const detail = `${COMMANDS_WAITING_MAX} commands are waiting`;
      return this.answer(operationId, refusal({ code: 'EBUSY', detail }));
    }
    if (message.type === 'destroy-domain') this.parts.waits.end(message.domainId);
    this.inFlight.add(operationId);
    void this.queue
      .add(commandKeys(message), () => this.execute(message))
      .finally(() => this.inFlight.delete(operationId));
  }

  private async execute(command: Exclude<Command, { type: 'acknowledge' }>): Promise<void> {
    let outcome: Outcome;
    try {
      this.parts.live.catchUp();
      outcome = await this.parts.executor.execute(command);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return this.answer(command.operationId, refusal({ code: 'EIO', detail }));
    }
    const answer: StoredAnswer = {
      ok: outcome.error === null,
      error: outcome.error,
      domain: this.domainOf(command),
      utcNs: outcome.utcNs?.toString() ?? null,
    };
    try {
      await this.parts.state.commit({
        ...outcome.change,
        operation: { operationId: command.operationId, answer },
      });
    } catch (error) {
      // Not answered: after the restart the command is sent again and finds the old state.
      this.parts.live.fault(error);
      return;
    }
    this.answer(command.operationId, answer);
  }

  private answer(operationId: string, answer: StoredAnswer): void {
    this.parts.emit({ type: 'operation-done', hostId: this.parts.hostId, operationId, ...answer });
  }

  private domainOf(command: Command): StoredAnswer['domain'] {
    if (command.type === 'build-domain') return this.parts.domains.facts(command.domain.domainId);
    if (!('domainId' in command)) return null;
    const facts = this.parts.domains.facts(command.domainId);
    if (facts !== null || command.type !== 'destroy-domain') return facts;
    const { domainId } = command;
    return { domainId, domid: 0, incarnation: null, state: 'halted', pauseCauses: [], publishedPorts: [] };
  }
}

function refusal(error: CommandError): StoredAnswer {
  return { ok: false, error, domain: null, utcNs: null };
}
