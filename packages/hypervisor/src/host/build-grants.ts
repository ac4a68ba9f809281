import type { Domain } from '../domain/domain.js';
import { GrantTable } from '../grant/grant-table.js';
import { releaseMappings } from '../grant/map-grant.js';

/**
 * Gives a new domain its grant table. The first frame of it, where the toolstack's rings have their entries, comes out
 * of the domain's memory, unless that is too small for any guest; others follow when the guest asks for them.
 */
export function buildGrants(
  domain: Domain,
  limits: { maxGrantFrames: number; maxMaptrackFrames: number },
): void {
  domain.grants = new GrantTable({ space: domain.space, ...limits });
  if (domain.space.ordinaryFrames > 1) domain.grants.grow(1);
}

/**
 * The domain is dying: what it has mapped of others is let go of. What others have mapped of it stays theirs, and its
 * frame nobody else's, until they let go. Before its memory is closed.
 */
export function closeGrants(domain: Domain): void {
  releaseMappings(domain.space.frames, domain.grants);
  domain.grants.leave();
}
