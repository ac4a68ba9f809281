import { GNTCOPY, GNTMAP, GRANT_ENTRY_BYTES, GTF } from '../abi/grant.js';
import { DOMID_SELF, type StartInfo } from '../abi/guest.js';
import type { Hypercall } from '../abi/hypercall.js';
import type { Prng } from '../base/prng.js';
import type { Gossip, Offer } from './attacker.sim.js';

export interface CallMaker {
  next(): Hypercall;
  learn(call: Hypercall, answer: unknown): void;
  /** A guest address, likely one that is mapped. */
  address(): bigint;
  writeGrantEntry(): void;
}

type Make = () => Omit<Hypercall, 'op'>;

const KEPT = 64;
const PAGE = 4096n;

/**
 * Calls that look like a guest's, with arguments from what the attackers know: their own frames, ports, references and
 * handles, those of the others, and numbers near them.
 */
export function createCallMaker(info: StartInfo, prng: Prng, gossip: Gossip): CallMaker {
  const { domId, memory, memoryFrames } = info;
  const grantFrames: number[] = [];
  const granted: number[] = [];
  /** The machine frames of a domain with page tables, in the order of its addresses. */
  const machineFrames = machineFrameList(info);
  const keep = (list: number[], value: unknown) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return;
    list.push(value);
    if (list.length > KEPT) list.splice(prng.below(list.length), 1);
  };
  const any = (list: readonly number[], most: number) =>
    list.length > 0 && prng.below(8) !== 0 ? prng.pick(list) : prng.below(most);
  const dom = () =>
    prng.below(6) === 0 ? prng.pick([DOMID_SELF, domId, 0, 0x7fff, 77]) : prng.pick(gossip.domIds);
  /** What this guest calls a frame: a guest frame number, or a machine frame number with page tables. */
  const frame = () => {
    if (machineFrames === null) return prng.below(memoryFrames + 16);
    return prng.below(4) === 0 ? any(gossip.frames, 1 << 14) : prng.pick(machineFrames);
  };
  const offered = (offers: readonly Offer[]) => {
    const mine = offers.filter(({ from, to }) => to === domId && gossip.domIds.includes(from));
    return mine.length > 0 && prng.below(4) !== 0 ? prng.pick(mine) : null;
  };
  const offer = (offers: Offer[], to: number, id: number) => {
    offers.push({ from: domId, to, id });
    if (offers.length > KEPT) offers.splice(prng.below(offers.length), 1);
  };
  const port = () => any(gossip.ports, 64);
  const ref = () => any(prng.below(2) === 0 ? gossip.refs : granted, 1024);
  const vcpu = () => prng.below(info.vcpus + 1);
  const address = () => BigInt(prng.below(memoryFrames + 16)) * PAGE + BigInt(prng.below(4096));
  const entry = () =>
    (BigInt(frame()) << 12n) | BigInt(prng.pick([0, 1, 3, 5, 7, 7, 7, 0x67, 0x87, 0x107, 0xfff]));
  const list = (most: number, make: () => object | number) =>
    Array.from({ length: prng.between(1, most) }, make);
  const soon = () => info.systemTimeNs() + BigInt(prng.below(400_000)) - 50_000n;

  const makers: Record<string, Make> = {
    mmu_update: () => ({
      foreignDomId: prng.below(6) === 0 ? dom() : undefined,
      requests: list(6, () => ({
        ptr:
          (BigInt(frame()) << 12n) | BigInt(prng.below(512) * 8) | BigInt(prng.pick([0, 0, 0, 0, 1, 2, 3])),
        val: entry(),
      })),
    }),
    update_va_mapping: () => ({ va: address(), val: entry(), flags: prng.below(8) }),
    mmuext_op: () => ({
      ops: list(4, () => ({
        cmd: prng.pick([
          'pin_l1_table',
          'pin_l1_table',
          'pin_l2_table',
          'pin_l3_table',
          'pin_l4_table',
          'unpin_table',
          'unpin_table',
          'new_baseptr',
          'new_user_baseptr',
          'tlb_flush_all',
          'invlpg_local',
          'flush_cache',
          'clear_page',
          'copy_page',
          'set_ldt',
        ]),
        mfn: frame(),
        source: frame(),
        address: address(),
      })),
    }),
    memory_op: () => {
      const cmd = prng.pick([
        'increase_reservation',
        'decrease_reservation',
        'decrease_reservation',
        'populate_physmap',
        'populate_physmap',
        'exchange',
        'current_reservation',
        'maximum_reservation',
        'maximum_ram_page',
        'claim_pages',
        'add_to_physmap',
        'remove_from_physmap',
      ]);
      const extents = list(5, frame);
      return {
        cmd,
        domId: prng.below(8) === 0 ? dom() : undefined,
        count: prng.between(1, 4),
        order: prng.pick([0, 0, 0, 1, 3]),
        outOrder: prng.pick([0, 0, 1, 3]),
        extents,
        outExtents: prng.below(2) === 0 ? extents.map(frame) : list(5, frame),
        index: frame(),
        gpfn: frame(),
        pages: prng.below(100),
        space: prng.pick(['shared_info', 'grant_table', 'gmfn']),
      };
    },
    event_channel_op: () => {
      const channel = offered(gossip.channels);
      return {
        cmd: prng.pick([
          'send',
          'send',
          'send',
          'alloc_unbound',
          'bind_interdomain',
          'bind_virq',
          'bind_ipi',
          'bind_vcpu',
          'close',
          'close',
          'status',
          'unmask',
          'bind_pirq',
          ...(prng.below(50) === 0 ? ['reset'] : []),
        ]),
        port: port(),
        remotePort: channel?.id ?? port(),
        remoteDomId: channel?.from ?? dom(),
        virq: prng.below(26),
        vcpu: vcpu(),
        domId: prng.below(6) === 0 ? dom() : undefined,
      };
    },
    grant_table_op: () => grantCall(),
    sched_op: () => {
      const cmd = prng.pick([
        'yield',
        'poll',
        'watchdog',
        'remote_shutdown',
        'shutdown_code',
        // Nobody may ever wake it.
        ...(prng.below(40) === 0 ? ['block'] : []),
      ]);
      // A watchdog that runs out would end the attack.
      return {
        cmd,
        ports: list(4, port),
        timeoutNs: soon(),
        id: prng.below(4),
        timeoutS: prng.pick([0, 1_000_000]),
        domId: dom(),
        reason: 'crash',
      };
    },
    vcpu_op: () => ({
      cmd: prng.pick([
        'get_runstate_info',
        'initialise',
        'up',
        'is_up',
        'set_periodic_timer',
        'stop_periodic_timer',
        'set_singleshot_timer',
        'stop_singleshot_timer',
        ...(info.vcpus > 1 && prng.below(4) === 0 ? ['down'] : []),
      ]),
      // Never the first: with it the domain would end.
      vcpu: Math.max(1, vcpu()),
      periodNs: BigInt(prng.pick([0, 1, 1_000_000, 50_000_000])),
      timeoutNs: maxZero(soon()),
      future: prng.below(2) === 0,
    }),
    set_timer_op: () => ({ timeoutNs: prng.below(8) === 0 ? -1n : soon() }),
    xen_version: () => ({ cmd: prng.pick(['version', 'extraversion', 'capabilities', 'pagesize', 'none']) }),
    console_io: () => ({ cmd: prng.pick(['write', 'read']), bytes: new Uint8Array(prng.below(64)).fill(65) }),
    domctl: () => ({
      cmd: prng.pick(['destroydomain', 'pausedomain', 'getdomaininfo', 'max_mem']),
      domId: dom(),
      frames: 1,
    }),
    sysctl: () => ({ cmd: 'physinfo' }),
  };
  const names = Object.keys(makers);
  const favourites = [
    'mmu_update',
    'mmuext_op',
    'memory_op',
    'grant_table_op',
    'grant_table_op',
    'event_channel_op',
  ];

  function grantCall(): Omit<Hypercall, 'op'> {
    const cmd = prng.pick([
      'map_grant_ref',
      'map_grant_ref',
      'unmap_grant_ref',
      'unmap_grant_ref',
      'copy',
      'copy',
      'transfer',
      'setup_table',
      'query_size',
      'swap_grant_ref',
      'get_version',
      'set_version',
      'dump_table',
    ]);
    const single = ['setup_table', 'query_size', 'get_version', 'set_version', 'dump_table'].includes(cmd);
    const flags = prng.pick([
      GNTMAP.hostMap,
      GNTMAP.hostMap,
      GNTMAP.hostMap | GNTMAP.readonly,
      GNTMAP.deviceMap,
      GNTMAP.hostMap | GNTMAP.containsPte,
      31,
      0,
    ]);
    return {
      cmd,
      ops: list(single ? 1 : 4, () => {
        const granter = offered(cmd === 'transfer' ? gossip.transfers : gossip.grants);
        const mapped = gossip.mappings.filter((m) => m.domId === domId);
        const mapping = mapped.length > 0 && prng.below(5) !== 0 ? prng.pick(mapped) : null;
        const hostAddr = address() & (prng.below(8) === 0 ? -1n : ~0xfffn);
        const end = () => ({
          ref: granter?.id ?? ref(),
          frame: frame(),
          domId: prng.below(3) === 0 ? DOMID_SELF : (granter?.from ?? dom()),
          offset: prng.pick([0, 8, 4090]),
        });
        return {
          hostAddr: cmd === 'unmap_grant_ref' ? (mapping?.hostAddr ?? hostAddr) : hostAddr,
          flags: cmd === 'copy' ? prng.pick([0, GNTCOPY.sourceGref, GNTCOPY.destGref, 3]) : flags,
          ref: granter?.id ?? ref(),
          domId: cmd === 'setup_table' && prng.below(4) !== 0 ? DOMID_SELF : (granter?.from ?? dom()),
          handle: mapping?.handle ?? prng.below(32),
          frame: frame(),
          refA: ref(),
          refB: ref(),
          version: prng.below(4),
          nrFrames: prng.pick([1, 1, 2, 3, 1_000]),
          len: prng.pick([0, 8, 64, 4096, 4097]),
          source: end(),
          dest: end(),
        };
      }),
    };
  }

  /** What an answer told: numbers of things that exist now. */
  function learn(call: Hypercall, answer: unknown): void {
    if (typeof answer === 'number') {
      if (answer < 0) return;
      if (['alloc_unbound', 'bind_interdomain', 'bind_virq', 'bind_ipi'].includes(call.cmd as string))
        keep(gossip.ports, answer);
      const { remoteDomId } = call;
      if (call.cmd === 'alloc_unbound' && typeof remoteDomId === 'number')
        offer(gossip.channels, remoteDomId, answer);
      return;
    }
    if (typeof answer !== 'object' || answer === null) return;
    const { results, frames } = answer as Record<string, unknown>;
    if (Array.isArray(frames)) for (const f of frames) keep(gossip.frames, f);
    if (!Array.isArray(results)) return;
    const parts = (call.op === 'multicall' ? call.calls : call.ops) as Hypercall[];
    for (const [at, result] of results.entries()) {
      if (call.op === 'multicall') learn(parts[at] as Hypercall, result);
      else learnGrant(parts[at] as Hypercall, result as Record<string, unknown>);
    }
  }

  function learnGrant(op: Hypercall, { status, handle, frameList }: Record<string, unknown>): void {
    if (status !== 0) return;
    if (typeof handle === 'number' && typeof op.hostAddr === 'bigint') {
      gossip.mappings.push({ domId, handle, hostAddr: op.hostAddr });
      if (gossip.mappings.length > KEPT) gossip.mappings.splice(prng.below(KEPT), 1);
    }
    if (!Array.isArray(frameList)) return;
    for (const f of frameList) if (typeof f === 'number' && !grantFrames.includes(f)) grantFrames.push(f);
  }

  /** Grants a frame of its own, or of somebody else's, or the wrong way; flags last, or not. */
  function writeGrantEntry(): void {
    if (grantFrames.length === 0) return;
    const at = prng.between(8, 60);
    const flags = prng.pick([
      GTF.permitAccess,
      GTF.permitAccess,
      GTF.permitAccess,
      GTF.permitAccess | GTF.readonly,
      GTF.acceptTransfer,
      GTF.acceptTransfer,
      0,
      3,
      0x1f,
      0xffff,
    ]);
    const to = dom();
    const body = new DataView(new ArrayBuffer(8));
    body.setUint16(0, flags, true);
    body.setUint16(2, to, true);
    body.setUint32(4, frame(), true);
    const table = prng.pick(grantFrames);
    const gfn = machineFrames === null ? table : machineFrames.indexOf(table);
    const entryAt = BigInt(gfn) * PAGE + BigInt(at * GRANT_ENTRY_BYTES);
    if (gfn < 0 || !memory.store(entryAt, new Uint8Array(body.buffer))) return;
    keep(granted, at);
    keep(gossip.refs, at);
    offer(flags === GTF.acceptTransfer ? gossip.transfers : gossip.grants, to, at);
  }

  return {
    next: () => {
      const op = prng.below(4) === 0 ? prng.pick(names) : prng.pick(favourites);
      return { op, ...(makers[op] as Make)() } as Hypercall;
    },
    learn,
    address: () => {
      const mapped = gossip.mappings.filter((m) => m.domId === domId);
      return mapped.length > 0 && prng.below(3) === 0 ? prng.pick(mapped).hostAddr : address();
    },
    writeGrantEntry,
  };
}

function maxZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}

function machineFrameList({ memory, memoryFrames, pageTables }: StartInfo): number[] | null {
  if (pageTables === null) return null;
  const bytes = memory.load(pageTables.machineFrameList, memoryFrames * 8);
  if (bytes === null) return [0];
  const view = new DataView(bytes.buffer);
  return Array.from({ length: memoryFrames }, (_, at) => view.getUint32(at * 8, true));
}
