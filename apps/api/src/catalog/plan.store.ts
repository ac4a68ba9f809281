import { Injectable } from '@nestjs/common';
import {
  decodePlanVersion,
  encodePlanVersion,
  type Assignment,
  type PlanVersion,
} from '@xenorack/accounting';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

export interface PlanRow {
  id: string;
  name: string;
  description: string;
  version: PlanVersion;
}

/**
 * Plans and their immutable versions. A version never changes, so a process may keep every one it has read.
 */
@Injectable()
export class PlanStore {
  private readonly versions = new Map<string, PlanVersion>();

  constructor(private readonly database: Database) {}

  /** Plans with the version that is valid and known at an instant, in the order they are shown. */
  async onSale(at: Date, tx?: Tx): Promise<PlanRow[]> {
    const rows = await (tx ?? this.database.prisma).$queryRaw<
      { id: string; name: string; description: string; content: unknown }[]
    >`
      SELECT p.id, p.name, p.description, v.content FROM plan p JOIN plan_version v ON v.plan_id = p.id
       WHERE v.valid @> ${at}::timestamptz AND v.known @> ${at}::timestamptz ORDER BY p.position, p.id`;
    return rows.map((row) => ({ ...row, version: this.remember(row.content) }));
  }

  async versionsById(ids: Iterable<string>, tx?: Tx): Promise<Map<string, PlanVersion>> {
    const wanted = [...new Set(ids)];
    const missing = wanted.filter((id) => !this.versions.has(id));
    if (missing.length > 0) {
      const rows = await (tx ?? this.database.prisma).planVersion.findMany({
        where: { id: { in: missing } },
        select: { content: true },
      });
      for (const row of rows) this.remember(row.content);
    }
    return new Map(
      wanted.flatMap((id) => (this.versions.has(id) ? [[id, this.versions.get(id)!] as const] : [])),
    );
  }

  /** Publishes the first version of a plan, valid and known from its own instant on. */
  async publish(
    tx: Tx,
    plan: { id: string; name: string; description: string; position: number },
    version: PlanVersion,
  ) {
    await tx.plan.create({ data: plan });
    const from = new Date(Number(version.validFromNs / 1_000_000n)).toISOString();
    await tx.$executeRaw`
      INSERT INTO plan_version (id, plan_id, version, currency, content, valid, known)
      VALUES (${version.planVersionId}, ${plan.id}, ${Number(version.version)}, ${version.currency},
              ${JSON.stringify(encodePlanVersion(version))}::jsonb,
              tstzrange(${from}::timestamptz, NULL), tstzrange(${from}::timestamptz, NULL))`;
  }

  /** From when on which version prices a resource; the first one covers everything before it too. */
  async assign(
    tx: Tx,
    assignment: { resourceId: string; tenantId: string; planVersionId: string },
  ): Promise<void> {
    await tx.planAssignment.create({ data: { ...assignment, fromUtcNs: 0n } });
  }

  /** Assignments of all resources of a tenant; the volumes of a domain share its monthly caps. */
  async assignmentsOf(tenantId: string): Promise<Assignment[]> {
    const { rows } = await this.database.pool.query<{
      resource_id: string;
      scope: string | null;
      plan_version_id: string;
      from_utc_ns: string;
      to_utc_ns: string | null;
    }>({
      name: 'plan_assignments',
      text: `SELECT a.resource_id, v.domain_id AS scope, a.plan_version_id, a.from_utc_ns, a.to_utc_ns
               FROM plan_assignment a LEFT JOIN volume v ON v.id = a.resource_id WHERE a.tenant_id = $1
              ORDER BY a.resource_id, a.from_utc_ns`,
      values: [tenantId],
    });
    return rows.map((row) => ({
      resourceId: row.resource_id,
      capScopeId: row.scope ?? row.resource_id,
      planVersionId: row.plan_version_id,
      fromNs: BigInt(row.from_utc_ns),
      toNs: row.to_utc_ns === null ? null : BigInt(row.to_utc_ns),
    }));
  }

  private remember(content: unknown): PlanVersion {
    const id = (content as { plan_version_id?: string }).plan_version_id ?? '';
    const known = this.versions.get(id);
    if (known) return known;
    const decoded = decodePlanVersion(content);
    // Only publish() writes versions and it encodes a valid one, so this is a damaged database.
    if (!decoded.ok) throw new Error(`plan version ${id} is damaged: ${decoded.error.message}`);
    this.versions.set(id, decoded.value);
    return decoded.value;
  }
}
