import { assert, present } from '../base/assert.js';
import type { Domain } from '../domain/domain.js';
import type { Runstate, Vcpu } from '../domain/vcpu.js';
import type { Clock } from '../time/clock.js';
import type { Pcpu } from './pcpu.js';

/**
 * Design: where the time of pCPUs and vCPUs is written down. Time is booked from the exact instant of the last booking
 * whenever something changes or somebody looks, to what the pCPU was doing in between; nothing is sampled.
 * Invariants: a pCPU's own + on-behalf + overhead + idle + lost is its elapsed time; a vCPU's runstates sum to its age;
 * what is booked as own or on-behalf is charged to one incarnation in the same step.
 * Units: ns.
 */
export class CpuBooks {
  constructor(
    private readonly clock: Clock,
    private readonly domainOf: (domId: number) => Domain | null,
  ) {}

  /** Starts the runstate clock of a vCPU, when its incarnation opens. */
  startClock(vcpu: Vcpu): void {
    vcpu.bornNs = this.clock.nowNs;
    vcpu.runstateSinceNs = this.clock.nowNs;
    Object.assign(vcpu.runstateNs, { running: 0n, runnable: 0n, blocked: 0n, offline: 0n });
  }

  /** Adds the time of the current runstate up to now. */
  accrueRunstate(vcpu: Vcpu): void {
    if (vcpu.bornNs === null) return;
    const elapsedNs = this.clock.nowNs - vcpu.runstateSinceNs;
    if (elapsedNs === 0n) return;
    vcpu.runstateSinceNs = this.clock.nowNs;
    vcpu.runstateNs[vcpu.runstate] += elapsedNs;
    present(vcpu.domain.incarnation, 'incarnation of a started vCPU').add(
      `runstate.${vcpu.runstate}.ns`,
      elapsedNs,
    );
  }

  /** Books the time since the last settling to where it belongs. */
  settle(p: Pcpu): void {
    const elapsedNs = this.clock.nowNs - p.sinceNs;
    if (elapsedNs === 0n) return;
    p.sinceNs = this.clock.nowNs;
    switch (p.mode) {
      case 'idle':
        p.books.idleNs += elapsedNs;
        return;
      case 'lost':
        p.books.lostNs += elapsedNs;
        return;
      case 'overhead':
        p.books.overheadNs += elapsedNs;
        return;
      case 'executing':
        this.charge(p, present(p.current, 'executing vCPU'), elapsedNs);
    }
  }

  private charge(p: Pcpu, vcpu: Vcpu, elapsedNs: bigint): void {
    assert(vcpu.pendingNs >= elapsedNs, () => `vCPU executed ${elapsedNs} ns of ${vcpu.pendingNs} declared`);
    vcpu.pendingNs -= elapsedNs;
    vcpu.unburnedNs += elapsedNs;
    const domain = vcpu.domain;
    if (domain.effectiveCap > 0) domain.capBudgetNs -= elapsedNs;
    this.accrueRunstate(vcpu);
    const payer = vcpu.onBehalfOf === null ? domain.incarnation : this.domainOf(vcpu.onBehalfOf)?.incarnation;
    if (!payer || (vcpu.onBehalfOf === null && domain.identity.driver)) {
      p.books.overheadNs += elapsedNs;
    } else if (vcpu.onBehalfOf === null) {
      p.books.ownNs += elapsedNs;
      payer.add('cpu.ns', elapsedNs);
    } else {
      p.books.onBehalfNs += elapsedNs;
      payer.add('cpu.onbehalf.ns', elapsedNs);
    }
  }

  setRunstate(vcpu: Vcpu, state: Runstate): void {
    if (vcpu.runstate === state) return;
    this.accrueRunstate(vcpu);
    vcpu.runstate = state;
  }
}
