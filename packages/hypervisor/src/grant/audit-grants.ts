import { assert } from '../base/assert.js';
import { LIMITS } from '../limits.js';
import { ActiveGrant } from './active-grant.js';
import { FrameTally } from './frame-tally.js';
import type { GrantTable } from './grant-table.js';

/** One reference to a frame that a mapping holds; `writable` ones are references to its type too. */
export interface GrantReference {
  mfn: number;
  type: 'writable' | null;
}

/** Every reference that what a domain has mapped holds, one for each part of each mapping. */
export function* grantReferences(mapper: GrantTable): Generator<GrantReference> {
  for (const [, { grant, place, device, write }] of mapper.maptrack.entries()) {
    const reference: GrantReference = { mfn: grant.mfn, type: write ? 'writable' : null };
    if (place !== null) yield reference;
    if (device) yield reference;
  }
}

/**
 * What a reading of the books recounts: everything, as long as that takes next to no time. Guests may map more, and would
 * have paid once for what each later reading spends; then it is left to whoever asks for `auditGrants`.
 */
export function auditFewGrants(tables: readonly GrantTable[]): void {
  let mappings = 0;
  for (const { maptrack } of tables) mappings += maptrack.size;
  if (mappings <= LIMITS.grantsRecountedMax) auditGrants(tables);
}

/**
 * Counts the uses of all grants again from what the domains have mapped, and asserts that Xen's counters say the same.
 * @param tables The tables of the live domains. Those of the dead are reached through what is still mapped of them.
 */
export function auditGrants(tables: Iterable<GrantTable>): void {
  const live = [...tables];
  const uses = new Map<ActiveGrant, ActiveGrant>();
  const owners = new Map<ActiveGrant, GrantTable>();
  const lent = new Map<GrantTable, FrameTally>(live.map((table) => [table, new FrameTally()]));
  for (const mapper of live) {
    const held = new FrameTally();
    for (const [handle, { granter, grant, place, device, write }] of mapper.maptrack.entries()) {
      const what = () => `mapping ${handle} of domain ${mapper.domId}`;
      assert(place !== null || device, () => `${what()} has no part`);
      assert(grant.userId === mapper.domId, () => `${what()} is of a grant to domain ${grant.userId}`);
      const seen = place === null ? null : mapper.space.grantAt(place);
      const right = place === null || (seen?.mfn === grant.mfn && seen.writable === write);
      assert(right, () => `${what()} maps frame ${seen?.mfn}, not ${grant.mfn}`);
      const counted = uses.get(grant) ?? new ActiveGrant(grant.ref, grant.userId, grant.gfn, grant.mfn);
      counted.add({ host: place !== null, device, write }, 1);
      uses.set(grant, counted);
      owners.set(grant, granter);
      if (granter === mapper) continue;
      held.add(grant.mfn);
      const lentBy = lent.get(granter) ?? new FrameTally();
      lentBy.add(grant.mfn);
      lent.set(granter, lentBy);
    }
    assert(held.equals(mapper.held), () => `domain ${mapper.domId}: the frames it holds differ`);
  }
  for (const [granter, counted] of lent)
    assert(counted.equals(granter.lent), () => `domain ${granter.domId}: the frames it has lent differ`);
  for (const [grant, counted] of uses)
    assert(counted.sameUses(grant), () => `grant ${grant.ref} of ${owners.get(grant)?.domId}: uses differ`);
  for (const table of new Set([...live, ...owners.values()]))
    for (const grant of table.activeGrants())
      assert(uses.has(grant), () => `grant ${grant.ref} of domain ${table.domId} is in use by nobody`);
}
