import type { CrashFacts, DomainFacts } from '@xenorack/xenoserver';
import type { EventMap } from '../platform/event-map.js';
import type { Outbox } from '../platform/outbox.js';
import type { Tx } from '../platform/unit-of-work.js';
import type { DomainRow, DomainStore, HoldCause } from './domain.store.js';

const BILLING_DETAIL = 'The money leased for this period is used up.';

/** What a domain is held by, read off the host's pause causes. `built` is the time before the first start. */
const HOLD_OF: Record<DomainFacts['pauseCauses'][number], { cause: HoldCause; detail: string } | null> = {
  tenant: { cause: 'tenant', detail: 'Paused by its tenant.' },
  operator: { cause: 'operator', detail: 'Paused by the operator.' },
  billing: { cause: 'billing', detail: BILLING_DETAIL },
  allowance: { cause: 'billing', detail: BILLING_DETAIL },
  built: null,
};

/**
 * Sets a domain to what its host says: state, holds and ports, all absolute, so repeating it changes nothing. Tells the
 * tenant when the state or the holds are new. A domain that is gone is left alone.
 */
export async function applyFacts(
  { domains, outbox }: { domains: DomainStore; outbox: Outbox },
  tx: Tx,
  facts: DomainFacts,
  { reason, now }: { reason: string; now: Date },
): Promise<void> {
  const domain = await domains.lock(tx, facts.domainId);
  if (!domain) return;
  const wanted = new Map<HoldCause, string>();
  for (const cause of facts.pauseCauses) {
    const hold = HOLD_OF[cause];
    if (hold) wanted.set(hold.cause, hold.detail);
  }
  for (const hold of domain.holds)
    if (!wanted.has(hold.cause)) await domains.releaseHold(tx, domain.id, hold.cause);
  for (const [cause, detail] of wanted) await domains.hold(tx, domain.id, cause, detail);
  const ports = facts.publishedPorts.length > 0 ? facts.publishedPorts : domain.ports;
  const startedAt = startOf(domain, facts, now);
  const holdsBefore = domain.holds
    .map((hold) => hold.cause)
    .sort()
    .join();
  const holdsAfter = [...wanted.keys()].sort();
  const same =
    domain.state === facts.state &&
    holdsBefore === holdsAfter.join() &&
    JSON.stringify(ports) === JSON.stringify(domain.ports);
  if (same) return;
  await domains.update(tx, domain.id, { state: facts.state, stateReason: reason, ports, startedAt });
  await outbox.write(tx, {
    tenantId: domain.tenantId,
    type: 'domain.state_changed',
    subject: { type: 'domain', id: domain.id },
    data: { state: facts.state, previous_state: domain.state, holds: holdsAfter, reason },
  });
  if (facts.state === 'crashed' && domain.state !== 'crashed' && facts.crash) {
    await outbox.write(tx, {
      tenantId: domain.tenantId,
      type: 'domain.crashed',
      subject: { type: 'domain', id: domain.id },
      data: crashData(facts.crash),
    });
  }
}

function crashData(crash: CrashFacts): EventMap['domain.crashed'] {
  return {
    reason: crash.reason,
    message: crash.message,
    at: new Date(Number(BigInt(crash.utcNs) / 1_000_000n)).toISOString(),
    lived_ns: crash.livedNs,
    vcpu: crash.vcpu,
    runstate_ns: crash.runstateNs,
    hypercalls: crash.hypercalls,
    pending_ports: crash.pendingPorts,
    memory_frames: crash.memoryFrames,
    meters: crash.meters,
    console_lines: crash.consoleLines,
  };
}

/** A domain counts as up from when it first runs until it is halted. */
function startOf(domain: DomainRow, facts: DomainFacts, now: Date): Date | null {
  if (facts.state === 'halted' || facts.state === 'crashed') return null;
  return domain.startedAt ?? (facts.state === 'running' ? now : null);
}
