import { GTF } from '../abi/grant.js';

/** What a naive observer knows of a frame. */
export interface ModelFrame {
  mfn: number;
  owner: number;
  /** Its owner still has it. */
  kept: boolean;
  byte: number;
}

export interface ModelUse {
  granter: number;
  mapper: number;
  ref: number;
  frame: ModelFrame;
  write: boolean;
  gfn: number;
  handle: number;
}

export interface ModelDomain {
  own: Map<number, ModelFrame>;
  entries: Map<number, { flags: number; domid: number; frame: number }>;
  tableGfn: number;
}

/** Who may reach what, told without any counting: domains, what they own, what they wrote, and who has mapped what. */
export class Model {
  readonly domains = new Map<number, ModelDomain>();
  readonly frames = new Set<ModelFrame>();
  uses: ModelUse[] = [];

  usesOf(granter: number, ref: number): ModelUse[] {
    return this.uses.filter((u) => u.granter === granter && u.ref === ref);
  }

  /** Frames the domain owns, those it gave back and others still hold included. */
  owned(domId: number): number {
    return [...this.frames].filter((f) => f.owner === domId).length;
  }

  reach(domId: number, gfn: number): { frame: ModelFrame; write: boolean } | null {
    const own = this.domains.get(domId)?.own.get(gfn);
    if (own !== undefined) return { frame: own, write: true };
    return this.uses.find((u) => u.mapper === domId && u.gfn === gfn) ?? null;
  }

  /** Whether `user` may use an entry now, and for which frame. */
  permitted(granter: number, ref: number, user: number, write: boolean): ModelFrame | null {
    const domain = this.domains.get(granter);
    if (domain === undefined) return null;
    const uses = this.usesOf(granter, ref);
    if (uses.some((u) => u.mapper !== user)) return null;
    const entry = domain.entries.get(ref);
    const asked = uses.length === 0 || (write && !uses.some((u) => u.write));
    const says =
      entry !== undefined &&
      (entry.flags & (3 | GTF.subPage)) === GTF.permitAccess &&
      entry.domid === user &&
      !(write && (entry.flags & GTF.readonly) !== 0);
    if (asked && !says) return null;
    return uses[0]?.frame ?? domain.own.get(entry?.frame ?? -1) ?? null;
  }

  drop(frame: ModelFrame): void {
    if (!frame.kept && !this.uses.some((u) => u.frame === frame)) this.frames.delete(frame);
  }
}
