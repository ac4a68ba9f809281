/**
 * Labels of test tenants (accounting D5).
 *
 * Design. The database keeps the hosts' own labels; a test tenant's jumps are rows, append-only, and are applied when
 * usage is folded. Each host cuts at its own instant of a jump, so a jump has one row per host, and one under '' for
 * the control plane's own clock. At the cut itself the label before the jump ends the old span and the label after it
 * starts the new one, so the skipped span holds no usage. Leases and hosts keep wall time.
 * Units. UTC nanoseconds.
 */
import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';

/** One jump as one host saw it: from this instant on (host's label), labels are `offsetNs` ahead. */
export interface ClockJump {
  /** 1, 2, 3 ... for the tenant. */
  jump: number;
  hostId: string;
  fromUtcNs: bigint;
  offsetNs: bigint;
}

const CONTROL_PLANE = '';

export class TenantClock {
  constructor(private readonly jumps: readonly ClockJump[]) {}

  /**
   * Offset in force on a host just after an instant. A host that metered nothing of the tenant at a jump made no cut for
   * it; there the jump lies where the control plane's own clock has it.
   */
  offsetAt(hostId: string, utcNs: bigint): bigint {
    const seen = new Map<number, ClockJump>();
    for (const jump of this.jumps) {
      if (jump.hostId === hostId || (jump.hostId === CONTROL_PLANE && !seen.has(jump.jump)))
        seen.set(jump.jump, jump);
    }
    let offset = 0n;
    let last = 0;
    for (const { jump, fromUtcNs, offsetNs } of seen.values()) {
      if (fromUtcNs > utcNs || jump < last) continue;
      last = jump;
      offset = offsetNs;
    }
    return offset;
  }

  /** The tenant's present, from the control plane's clock. */
  now(wallNs: bigint): bigint {
    return wallNs + this.offsetAt(CONTROL_PLANE, wallNs);
  }

  get jumpCount(): number {
    return this.jumps.filter((jump) => jump.hostId === CONTROL_PLANE).length;
  }
}

@Injectable()
export class TenantClocks {
  constructor(
    private readonly database: Database,
    private readonly clock: WallClock,
  ) {}

  async of(tenantId: string, tx?: Tx): Promise<TenantClock> {
    if (tx) return new TenantClock(await tx.tenantClock.findMany({ where: { tenantId } }));
    const { rows } = await this.database.pool.query<
      Record<'host_id' | 'from_utc_ns' | 'offset_ns', string> & { jump: number }
    >({
      name: 'tenant_clock',
      text: 'SELECT jump, host_id, from_utc_ns, offset_ns FROM tenant_clock WHERE tenant_id = $1',
      values: [tenantId],
    });
    return new TenantClock(
      rows.map((row) => ({
        jump: row.jump,
        hostId: row.host_id,
        fromUtcNs: BigInt(row.from_utc_ns),
        offsetNs: BigInt(row.offset_ns),
      })),
    );
  }

  /** The tenant's present in UTC ns: wall time, ahead by its jumps when it is a test tenant. */
  async nowOf(tenantId: string, tx?: Tx): Promise<bigint> {
    return (await this.of(tenantId, tx)).now(this.clock.nowNs());
  }

  /** Appends one jump: rows for the control plane and for each host that cut for it. */
  async append(
    tx: Tx,
    tenantId: string,
    jump: number,
    offsetNs: bigint,
    cuts: { hostId: string; fromUtcNs: bigint }[],
  ): Promise<void> {
    const rows = [{ hostId: CONTROL_PLANE, fromUtcNs: this.clock.nowNs() }, ...cuts];
    await tx.tenantClock.createMany({ data: rows.map((row) => ({ tenantId, jump, offsetNs, ...row })) });
  }
}
