import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { GNTCOPY, GNTST, GTF } from '../abi/grant.js';
import { DOMID_SELF } from '../abi/guest.js';
import { Model, type ModelDomain, type ModelFrame } from './grant-model.sim.js';
import { GrantRig, OKAY } from './grant-rig.sim.js';

const FRAMES = 16;
const MAX = 20;
const GFNS = 28;
const REFS = [8, 9, 10, 11, 12, 13];

function same(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: ${String(found)}, and should be ${String(expected)}`);
}

class Run {
  readonly rig = new GrantRig(2048);
  readonly model = new Model();
  readonly done = new Map<string, number>();
  private nextId = 1;
  private nextByte = 1;

  constructor(private readonly prng: Prng) {
    for (let i = 0; i < 4; i += 1) this.create();
  }

  step(): string {
    const acts = [
      ...Array<() => string>(4).fill(() => this.offer()),
      () => this.revoke(),
      ...Array<() => string>(6).fill(() => this.map()),
      ...Array<() => string>(3).fill(() => this.unmap()),
      ...Array<() => string>(3).fill(() => this.copy()),
      ...Array<() => string>(2).fill(() => this.transfer()),
      () => this.swap(),
      () => this.giveBack(),
      () => (this.prng.below(3) === 0 ? this.replace() : this.write()),
    ];
    const what = this.prng.pick(acts)();
    const [name] = what.split(' ') as [string];
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    return what;
  }

  /** Everything the model knows is so in the machine. Compared without `expect`, which is slow by the million. */
  compare(): void {
    this.rig.check();
    for (const [domId, domain] of this.model.domains) this.compareDomain(domId, domain);
    const { model, rig } = this;
    for (const frame of model.frames) {
      const owner = model.domains.get(frame.owner);
      const kernel = owner !== undefined && owner.own.get(owner.tableGfn) === frame ? 1 : 0;
      let uses = 0;
      let writers = kernel;
      for (const use of model.uses) {
        if (use.frame !== frame) continue;
        uses += 1;
        if (use.write) writers += 1;
      }
      const { count, typeCount } = rig.frames.records;
      same(`references of ${frame.mfn}`, count[frame.mfn], (frame.kept ? 1 : 0) + kernel + uses);
      same(`writers of ${frame.mfn}`, typeCount[frame.mfn], writers);
      if (kernel === 0)
        same(`byte of ${frame.mfn}`, rig.frames.writtenBytesOf(frame.mfn)?.[0] ?? 0, frame.byte);
    }
    const { ownedFrames, zombieFrames } = rig.frames.recount();
    same('frames of all', ownedFrames + zombieFrames, model.frames.size);
  }

  private compareDomain(domId: number, domain: ModelDomain): void {
    const { rig, model } = this;
    const { map } = rig.of(domId).space;
    for (let gfn = 0; gfn < GFNS; gfn += 1) {
      const known = model.reach(domId, gfn);
      const what = `${domId} at ${gfn}`;
      same(`${what} reads`, map?.reach(gfn, false) ?? null, known?.frame.mfn ?? null);
      same(`${what} writes`, map?.reach(gfn, true) ?? null, known?.write ? known.frame.mfn : null);
    }
    for (const ref of REFS) {
      // In an entry that awaits a frame these bits mean something else.
      if (((domain.entries.get(ref)?.flags ?? 0) & GTF.typeMask) === GTF.acceptTransfer) continue;
      const uses = model.usesOf(domId, ref);
      const bits = (uses.length > 0 ? GTF.reading : 0) | (uses.some((u) => u.write) ? GTF.writing : 0);
      same(`use of ${domId}.${ref}`, rig.inUse(domId, ref), bits);
    }
    same(`frames of ${domId}`, rig.frames.framesOf(domId), model.owned(domId));
    const foreign = model.uses.filter((u) => u.mapper === domId && u.granter !== domId);
    same(`held by ${domId}`, rig.of(domId).held.frames, new Set(foreign.map((u) => u.frame)).size);
  }

  private get someDomain(): number {
    return this.prng.pick([...this.model.domains.keys()]);
  }

  private get someGfn(): number {
    return this.prng.below(GFNS);
  }

  private create(): void {
    const domId = this.nextId;
    this.nextId += 1;
    const table = this.rig.open(domId, { frames: FRAMES, max: MAX });
    const own = new Map<number, ModelFrame>();
    for (let gfn = 0; gfn < FRAMES; gfn += 1) {
      const frame = { mfn: this.rig.mfn(domId, gfn), owner: domId, kept: true, byte: 0 };
      own.set(gfn, frame);
      this.model.frames.add(frame);
    }
    const [tableGfn] = table.frameList(1) as [number];
    this.model.domains.set(domId, { own, entries: new Map(), tableGfn });
  }

  /** Writes an entry: any flags a guest may think of, in use or not. */
  private offer(): string {
    const { prng } = this;
    const domId = this.someDomain;
    const ref = prng.pick(REFS);
    const kinds = [GTF.permitAccess, GTF.permitAccess, GTF.permitAccess | GTF.readonly, GTF.acceptTransfer];
    const flags = prng.below(12) === 0 ? prng.below(1 << 9) & ~(GTF.reading | GTF.writing) : prng.pick(kinds);
    const domain = this.model.domains.get(domId)!;
    const frame =
      (flags & GTF.typeMask) === GTF.acceptTransfer ? FRAMES + prng.below(12) : prng.below(FRAMES + 2);
    if (frame === domain.tableGfn) return 'offer nothing';
    const entry = { flags, domid: this.someDomain, frame };
    domain.entries.set(ref, entry);
    // A guest that writes an entry in use leaves Xen's bits as they are, or it would only deceive itself.
    const uses = this.model.usesOf(domId, ref);
    const bits = (uses.length > 0 ? GTF.reading : 0) | (uses.some((u) => u.write) ? GTF.writing : 0);
    this.rig.offer(domId, ref, { ...entry, flags: flags | bits });
    return `offer ${domId}.${ref} ${JSON.stringify(entry)}`;
  }

  private revoke(): string {
    const used = this.model.uses.filter((u) => this.model.domains.has(u.granter));
    const aimed = used.length > 0 && this.prng.below(2) === 0 ? this.prng.pick(used) : null;
    const domId = aimed?.granter ?? this.someDomain;
    const ref = aimed?.ref ?? this.prng.pick(REFS);
    const inUse = this.model.usesOf(domId, ref).length > 0;
    if (inUse) return `revoke-refused ${domId}.${ref}`;
    this.model.domains.get(domId)?.entries.delete(ref);
    this.rig.offer(domId, ref, { flags: 0, domid: 0, frame: 0 });
    return `revoke ${domId}.${ref}`;
  }

  private map(): string {
    const { model, prng } = this;
    const wild = prng.below(3) === 0;
    const granter = wild && prng.below(4) === 0 ? 999 : this.someDomain;
    const ref = wild && prng.below(4) === 0 ? prng.between(14, 600) : prng.pick(REFS);
    const entry = model.domains.get(granter)?.entries.get(ref);
    const named = entry !== undefined && model.domains.has(entry.domid) ? entry.domid : this.someDomain;
    const mapper = wild ? this.someDomain : named;
    const readonly = prng.below(2) === 0;
    const gfn = wild ? this.someGfn : FRAMES + prng.below(GFNS - FRAMES);
    const frame = model.permitted(granter, ref, mapper, !readonly);
    const room = model.reach(mapper, gfn) === null;
    const { status, handle } = this.rig.map(mapper, { dom: granter, ref, gfn, readonly });
    const what = `${mapper} <- ${granter}.${ref} at ${gfn}${readonly ? ' ro' : ''}`;
    expect([what, status === OKAY]).toEqual([what, frame !== null && room]);
    if (status !== OKAY || frame === null) return `map-refused ${what}`;
    model.uses.push({ granter, mapper, ref, frame, write: !readonly, gfn, handle });
    return `map ${what}`;
  }

  private unmap(): string {
    const { model, prng } = this;
    const use = model.uses.length === 0 ? undefined : prng.pick(model.uses);
    if (use === undefined || prng.below(4) === 0) {
      const domId = this.someDomain;
      const handle = prng.below(40);
      const known = model.uses.some((u) => u.mapper === domId && u.handle === handle);
      const status = this.rig.unmap(domId, handle, GFNS + 1);
      expect(status).toBe(known ? GNTST.general_error : GNTST.bad_handle);
      return `unmap-refused ${domId} ${handle}`;
    }
    expect(this.rig.unmap(use.mapper, use.handle, use.gfn)).toBe(OKAY);
    this.model.uses = model.uses.filter((u) => u !== use);
    model.drop(use.frame);
    return `unmap ${use.mapper} ${use.handle}`;
  }

  private copy(): string {
    const { model, prng } = this;
    const by = this.someDomain;
    const end = (write: boolean) => {
      const isRef = prng.below(3) !== 0;
      const domId = isRef ? this.someDomain : DOMID_SELF;
      const refOrFrame = isRef ? prng.pick(REFS) : this.someGfn;
      const own = model.domains.get(by)?.own.get(refOrFrame) ?? null;
      const frame = isRef ? model.permitted(domId, refOrFrame, by, write) : own;
      return { isRef, frame, end: { domId, refOrFrame, offset: 0 } };
    };
    const from = end(false);
    const to = end(true);
    // Both ends may be one entry: in use for reading at the source when the destination asks to write it.
    const clash =
      from.isRef && to.isRef && from.end.domId === to.end.domId && from.end.refOrFrame === to.end.refOrFrame;
    const table = model.domains.get(by)?.tableGfn;
    const isTable = (side: typeof from) => !side.isRef && side.end.refOrFrame === table;
    if (clash || isTable(from) || isTable(to)) return 'copy nothing';
    const flags = (from.isRef ? GNTCOPY.sourceGref : 0) | (to.isRef ? GNTCOPY.destGref : 0);
    const status = this.rig.copy(by, from.end, to.end, { length: 1, flags });
    expect(status === OKAY).toBe(from.frame !== null && to.frame !== null);
    if (status !== OKAY) return `copy-refused ${by}`;
    to.frame!.byte = from.frame!.byte;
    return `copy ${by}`;
  }

  private transfer(): string {
    const { model } = this;
    const receiver = this.someDomain;
    const ref = this.prng.pick(REFS);
    const named = model.domains.get(receiver)?.entries.get(ref)?.domid ?? 0;
    const sender = model.domains.has(named) ? named : this.someDomain;
    const gfn = this.someGfn;
    const from = model.domains.get(sender)!;
    const to = model.domains.get(receiver)!;
    const frame = from.own.get(gfn);
    const mine = frame !== undefined && gfn !== from.tableGfn && !model.uses.some((u) => u.frame === frame);
    const status = this.rig.transfer(sender, gfn, receiver, ref);
    if (!mine) {
      expect(status).toBe(GNTST.bad_page);
      return `transfer-refused ${sender} ${gfn}`;
    }
    from.own.delete(gfn);
    const entry = to.entries.get(ref);
    const awaits =
      entry?.flags === GTF.acceptTransfer &&
      entry.domid === sender &&
      model.usesOf(receiver, ref).length === 0;
    if (!awaits && entry?.flags === GTF.acceptTransfer && entry.domid === sender) {
      // In use as a grant: Xen's bits are in it, and it is no clean entry.
      expect(status).toBe(GNTST.general_error);
    }
    frame.owner = -1;
    const room = model.reach(receiver, entry?.frame ?? 0) === null && model.owned(receiver) < MAX;
    expect(status).toBe(awaits && room ? OKAY : GNTST.general_error);
    if (awaits) entry.flags |= GTF.transferCommitted;
    if (status !== OKAY) {
      frame.kept = false;
      model.drop(frame);
      return `transfer-lost ${sender} ${gfn} -> ${receiver}.${ref}`;
    }
    entry!.flags |= GTF.transferCompleted;
    frame.owner = receiver;
    to.own.set(entry!.frame, frame);
    return `transfer ${sender} ${gfn} -> ${receiver}.${ref}`;
  }

  private swap(): string {
    const domId = this.someDomain;
    const [a, b] = [this.prng.pick(REFS), this.prng.pick(REFS)];
    const busy = a !== b && [a, b].some((ref) => this.model.usesOf(domId, ref).length > 0);
    expect(this.rig.of(domId).swap(a, b)).toBe(busy ? GNTST.eagain : OKAY);
    if (busy) return 'swap-refused';
    const { entries } = this.model.domains.get(domId)!;
    const [atA, atB] = [entries.get(a), entries.get(b)];
    const put = (ref: number, entry: typeof atA) => (entry ? entries.set(ref, entry) : entries.delete(ref));
    put(a, atB);
    put(b, atA);
    return `swap ${domId} ${a} ${b}`;
  }

  /** Gives a frame back to Xen, mapped by others or not. */
  private giveBack(): string {
    const domId = this.someDomain;
    const domain = this.model.domains.get(domId)!;
    const gfn = this.someGfn;
    const frame = domain.own.get(gfn);
    if (frame === undefined || gfn === domain.tableGfn || domain.own.size < 6) return 'give-back nothing';
    this.rig.of(domId).space.map?.removeOwn(gfn);
    expect(this.rig.frames.giveBack(frame.mfn, domId)).toBe(true);
    domain.own.delete(gfn);
    frame.kept = false;
    this.model.drop(frame);
    return `give-back ${domId} ${gfn}`;
  }

  /** A guest writes where it may. */
  private write(): string {
    const domId = this.someDomain;
    const gfn = this.someGfn;
    const found = this.model.reach(domId, gfn);
    if (!found?.write || gfn === this.model.domains.get(domId)?.tableGfn) return 'write nothing';
    found.frame.byte = this.nextByte = (this.nextByte % 255) + 1;
    const mfn = this.rig.of(domId).space.map?.reach(gfn, true);
    this.rig.frames.bytesOf(mfn!)[0] = found.frame.byte;
    return `write ${domId} ${gfn}`;
  }

  /** A domain dies and another one comes. */
  private replace(): string {
    const { model } = this;
    const domId = this.someDomain;
    const mine = model.uses.filter((u) => u.mapper === domId);
    model.uses = model.uses.filter((u) => u.mapper !== domId);
    for (const frame of model.frames) if (frame.owner === domId) frame.kept = false;
    model.domains.delete(domId);
    for (const { frame } of mine) model.drop(frame);
    for (const frame of [...model.frames]) model.drop(frame);
    this.rig.destroy(domId);
    this.create();
    return `destroy ${domId}`;
  }
}

describe('grants of several domains', () => {
  test('R13 after every step each domain reaches exactly what it may, and all references recount', () => {
    const done = new Map<string, number>();
    for (let seed = 1; seed <= 5; seed += 1) {
      const run = new Run(new Prng(seed));
      const trail: string[] = [];
      try {
        for (let step = 0; step < 1_000; step += 1) {
          trail.push(run.step());
          run.compare();
        }
      } catch (thrown) {
        throw new Error(`seed ${seed}, after ${trail.slice(-12).join('; ')}`, { cause: thrown });
      }
      for (const [act, times] of run.done) done.set(act, (done.get(act) ?? 0) + times);
    }
    // Every kind of act has happened often enough to mean something.
    expect([...done].filter(([, times]) => times < 4)).toEqual([]);
    for (const act of [
      'map',
      'unmap',
      'copy',
      'transfer',
      'transfer-lost',
      'revoke-refused',
      'give-back',
      'destroy',
    ])
      expect(done.has(act)).toBe(true);
  });
});
