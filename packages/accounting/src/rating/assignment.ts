import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import { overlaps } from '../base/period.js';
import type { Period } from '../base/period.js';

/** Which plan version prices a resource over a span (B1). A change of version at an instant is a cut. */
export interface Assignment {
  readonly resourceId: string;
  /** Resources of one scope share the plan's monthly caps: the domain's id, also for its volumes. */
  readonly capScopeId: string;
  readonly planVersionId: string;
  readonly fromNs: bigint;
  /** Null while in force. */
  readonly toNs: bigint | null;
}

/** The assignments that touch a period, per resource in order of time. Spans of one resource never overlap. */
export type AssignmentsByResource = ReadonlyMap<string, readonly Assignment[]>;

const FOREVER_NS = 10n ** 30n;

export function endOf(assignment: Assignment): bigint {
  return assignment.toNs ?? FOREVER_NS;
}

/** Errors: assignment_overlap, period_invalid. */
export function indexAssignments(
  window: Period,
  assignments: readonly Assignment[],
): Result<AssignmentsByResource> {
  const byResource = new Map<string, Assignment[]>();
  for (const assignment of assignments) {
    const { resourceId, fromNs } = assignment;
    if (endOf(assignment) < fromNs) {
      return fail('period_invalid', `the assignment of ${resourceId} ends before it starts`, { resourceId });
    }
    if (!overlaps(window, { fromNs, toNs: endOf(assignment) })) continue;
    const list = byResource.get(resourceId);
    if (list === undefined) byResource.set(resourceId, [assignment]);
    else list.push(assignment);
  }
  for (const [resourceId, list] of byResource) {
    list.sort((a, b) => (a.fromNs < b.fromNs ? -1 : a.fromNs > b.fromNs ? 1 : 0));
    for (let index = 1; index < list.length; index += 1) {
      if (endOf(list[index - 1] as Assignment) > (list[index] as Assignment).fromNs) {
        return fail('assignment_overlap', `two plan versions price ${resourceId} at one instant`, {
          resourceId,
        });
      }
    }
  }
  return ok(byResource);
}
