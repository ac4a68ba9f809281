import type { UnitOfWork } from '../unit-of-work.js';

const batchMax = 500;

/**
 * Gives the committed events that have none their seq and notes which listeners still have to take them, in one
 * transaction. The counter's row lock makes numberings follow one another even if two relays ever overlapped, so
 * whoever reads events up to n has seen all events up to n.
 * @param listenersOf The names of the listeners of a type.
 * @returns How many events were numbered; `batchMax` of them means that more may wait.
 */
export async function numberEvents(
  unitOfWork: UnitOfWork,
  listenersOf: (type: string) => string[],
): Promise<number> {
  return unitOfWork.run(async (tx) => {
    const [counter] = await tx.$queryRaw<
      { last_seq: bigint }[]
    >`SELECT last_seq FROM outbox_counter FOR UPDATE`;
    if (!counter) throw new Error('outbox_counter has lost its row');
    const numbered = await tx.$queryRaw<{ seq: bigint; type: string }[]>`
      WITH waiting AS (
        SELECT id, row_number() OVER (ORDER BY id) AS place
        FROM (SELECT id FROM outbox_event WHERE seq IS NULL ORDER BY id LIMIT ${batchMax}) AS first
      )
      UPDATE outbox_event AS event SET seq = ${counter.last_seq}::bigint + waiting.place
      FROM waiting WHERE event.id = waiting.id
      RETURNING event.seq, event.type`;
    if (numbered.length === 0) return 0;
    await tx.$executeRaw`UPDATE outbox_counter SET last_seq = last_seq + ${numbered.length}`;
    const deliveries = numbered.flatMap(({ seq, type }) =>
      listenersOf(type).map((listener) => ({ seq, listener })),
    );
    if (deliveries.length > 0) await tx.eventDelivery.createMany({ data: deliveries });
    return numbered.length;
  });
}

export const numberedAtOnce = batchMax;
