import type { GuestImage } from '../abi/guest.js';
import { Prng } from '../base/prng.js';
import { coroutineGuest } from '../guest/coroutine.js';
import { Host } from '../host/host.js';
import type { Machine } from '../host/machine.js';
import { createMemoryHost } from '../host/memory-devices.js';
import { auditMachine, isGrantedTo } from './audit-machine.sim.js';
import { attack, Escape, type Gossip, holdsSecret, SECRET } from './attacker.sim.js';

const ATTACKERS = 8;
const VAULT_FRAMES = 64;
/** The rest is the vault's kernel frames, and frames it never touches. */
const SECRET_FRAMES = 48;

export interface Tally {
  hypercalls: number;
  loads: number;
  stores: number;
  /** Accesses that reached a frame of another domain, granted to this one. */
  foreign: number;
  rebuilt: number;
}

/**
 * Design: eight attackers that work together, half of them with page tables of their own, beside a vault: a domain that
 * grants nothing and keeps a secret in every frame. Each frame a guest reaches is judged when it is reached; every few
 * thousand calls the host's books are closed, all references are counted anew, and all memory is searched for the
 * secret. Attackers that end are built again, so that frames, ports and ids are used by one after the other.
 */
export class HostileWorld {
  readonly host: Host;
  readonly machine: Machine;
  readonly tally: Tally = { hypercalls: 0, loads: 0, stores: 0, foreign: 0, rebuilt: 0 };
  private readonly prng: Prng;
  private readonly gossip: Gossip = {
    domIds: [],
    frames: [],
    ports: [],
    refs: [],
    grants: [],
    transfers: [],
    channels: [],
    mappings: [],
  };
  private readonly attackers: (number | null)[] = [];
  private readonly vaultId: number;
  private built = 0;

  constructor(private readonly seed: number) {
    this.prng = new Prng(seed);
    this.host = createMemoryHost({
      pcpus: this.prng.between(1, 4),
      frames: 15_000,
      xenFrames: 64,
      seed,
    }).host;
    this.machine = Reflect.get(this.host, 'machine') as Machine;
    this.machine.memoryObserver = (access) => this.judge(access);
    this.vaultId = this.build('vault', {
      memoryFrames: VAULT_FRAMES,
      image: vaultImage,
      pageTables: false,
      vcpus: 1,
    });
    this.host.run(1_000_000n);
    for (let at = 0; at < ATTACKERS; at += 1) this.attackers.push(this.buildAttacker(at));
  }

  /** Lets the attackers make `calls` hypercalls, with audits in between; throws at the first thing that is wrong. */
  attackFor(calls: number): Tally {
    const auditEvery = Math.max(500, Math.min(20_000, Math.floor(calls / 20)));
    let nextAudit = auditEvery;
    for (;;) {
      this.host.run(this.host.nowNs + BigInt(this.prng.between(100_000, 2_000_000)));
      this.tally.hypercalls = this.host.stats().hypercalls;
      this.interfere();
      if (this.tally.hypercalls < nextAudit) continue;
      this.audit();
      nextAudit = this.tally.hypercalls + auditEvery;
      if (this.tally.hypercalls >= calls) return this.tally;
    }
  }

  /** Closes all books and counts everything anew. */
  audit(): void {
    this.host.sample();
    auditMachine(this.machine);
    this.searchForSecret();
    this.host.drainEvents();
  }

  /** Every domain destroyed, nothing may be left. */
  finish(): void {
    for (const { domId, driver } of this.host.list())
      if (!driver && domId !== this.vaultId) this.host.destroyDomain(domId);
    this.audit();
    this.host.destroyDomain(this.vaultId);
    auditMachine(this.machine);
    const { balance } = this.host.sample();
    const left = this.host.list().filter(({ driver }) => !driver);
    if (left.length > 0) throw new Error(`${left.length} destroyed domains are still there`);
    const kept = this.host.list().reduce((sum, { memoryFrames }) => sum + memoryFrames, 0);
    if (balance.frames.ownedFrames !== kept) throw new Error('frames of destroyed domains are still owned');
    if (balance.frames.zombieFrames !== 0)
      throw new Error(`${balance.frames.zombieFrames} frames are nobody's`);
  }

  /** The toolstack goes on working meanwhile. */
  private interfere(): void {
    const at = this.prng.below(ATTACKERS);
    const domId = this.attackers[at] ?? null;
    const info = domId === null ? undefined : this.host.list().find((d) => d.domId === domId);
    if (
      info === undefined ||
      info.power === 'crashed' ||
      info.power === 'shutdown' ||
      this.prng.below(400) === 0
    ) {
      if (domId !== null) this.host.destroyDomain(domId);
      this.attackers[at] = this.buildAttacker(at);
      this.tally.rebuilt += 1;
      return;
    }
    if (this.prng.below(10) === 0) this.host.setCap(info.domId, this.prng.pick([0, 30, 150]));
    if (this.prng.below(10) === 0) this.host.setMaxMemory(info.domId, this.prng.between(16, 200));
    if (this.prng.below(20) === 0) this.host.lose(this.host.nowNs + 200_000n);
  }

  private buildAttacker(at: number): number | null {
    const prng = new Prng(this.seed * 1_000 + this.built);
    const image: GuestImage = {
      name: 'attacker',
      boot: (info) => coroutineGuest((vcpu) => attack(info, new Prng(info.seed + vcpu), this.gossip)),
    };
    const memoryFrames = prng.between(40, 120);
    try {
      const domId = this.build(`attacker-${at}`, {
        memoryFrames,
        image,
        pageTables: at % 2 === 0,
        vcpus: prng.between(1, 2),
      });
      this.gossip.domIds = [this.vaultId, ...this.attackers.filter((id) => id !== null), domId];
      const frames = this.machine.domains.get(domId)?.space.initialFrames ?? [];
      for (const mfn of frames) if (prng.below(4) === 0) this.gossip.frames.push(mfn);
      return domId;
    } catch (refused) {
      if (refused instanceof Refused) return null;
      throw refused;
    }
  }

  private build(
    id: string,
    plan: { memoryFrames: number; image: GuestImage; pageTables: boolean; vcpus: number },
  ): number {
    this.built += 1;
    const built = this.host.createDomain({
      name: id,
      id: `${id}-${this.built}`,
      memoryFramesMax: plan.memoryFrames + 40,
      ...plan,
    });
    if (!built.ok) throw new Refused(`${id}: ${built.errno} ${built.detail}`);
    this.host.unpause(built.value);
    return built.value;
  }

  /** A guest may reach a frame that is its own, or that another one grants it in an entry Xen marked as in use. */
  private judge({ domId, mfn, write }: { domId: number; mfn: number; write: boolean }): void {
    if (write) this.tally.stores += 1;
    else this.tally.loads += 1;
    const { frames } = this.machine;
    if (frames.ownerOf(mfn) === domId) {
      if (write && frames.tableLevel(mfn) > 0)
        throw new Escape(`domain ${domId} wrote its page table ${mfn}`);
      return;
    }
    this.tally.foreign += 1;
    if (!isGrantedTo(this.machine, domId, { mfn, write }))
      throw new Escape(`domain ${domId} ${write ? 'wrote' : 'read'} frame ${mfn} of ${frames.ownerOf(mfn)}`);
  }

  private searchForSecret(): void {
    const { frames } = this.machine;
    for (let mfn = 0; mfn < frames.totalFrames; mfn += 1) {
      const bytes = frames.writtenBytesOf(mfn);
      if (bytes === null || !holdsSecret(bytes)) continue;
      if (frames.ownerOf(mfn) !== this.vaultId) throw new Escape(`frame ${mfn} holds the vault's secret`);
    }
    const kept = this.machine.domains.get(this.vaultId);
    if (kept === undefined || frames.framesOf(this.vaultId) !== VAULT_FRAMES)
      throw new Escape('the vault lost frames');
    for (let gfn = 0; gfn < SECRET_FRAMES; gfn += 1) {
      const bytes = frames.writtenBytesOf(kept.space.machineFrameOf(gfn) as number);
      if (bytes === null || !SECRET.every((byte, i) => bytes[i] === byte))
        throw new Escape(`frame ${gfn} of the vault was changed`);
    }
  }
}

class Refused extends Error {}

/** Writes the secret into each of its frames and sleeps. */
const vaultImage: GuestImage = {
  name: 'vault',
  boot: (info) =>
    coroutineGuest(function* () {
      for (let gfn = 0; gfn < SECRET_FRAMES; gfn += 1) info.memory.store(BigInt(gfn) * 4096n, SECRET);
      for (;;) {
        info.takePendingPorts();
        yield { do: 'block' };
      }
    }),
};
