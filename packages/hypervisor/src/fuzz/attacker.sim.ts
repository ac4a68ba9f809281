import type { StartInfo } from '../abi/guest.js';
import type { Hypercall } from '../abi/hypercall.js';
import type { Prng } from '../base/prng.js';
import type { GuestEffect, GuestRoutine } from '../guest/coroutine.js';
import { type CallMaker, createCallMaker } from './random-calls.sim.js';
import { wildValue } from './wild-values.sim.js';

/** What the attackers of one host tell each other: they work together. */
export interface Gossip {
  domIds: number[];
  frames: number[];
  ports: number[];
  refs: number[];
  /** What one left open for another: grants, frames awaited and ports. */
  grants: Offer[];
  transfers: Offer[];
  channels: Offer[];
  /** What a domain mapped, with what it takes to unmap it. */
  mappings: Mapping[];
}

export interface Offer {
  from: number;
  to: number;
  id: number;
}

export interface Mapping {
  domId: number;
  handle: number;
  hostAddr: bigint;
}

/** The text that only the vault's frames hold, and that no attacker may ever see. */
export const SECRET = Uint8Array.from('THE VAULT HOLDS THIS', (c) => c.charCodeAt(0));

export class Escape extends Error {}

/**
 * One vCPU of an attacker: calls into Xen at random, uses what the answers tell, and reads and writes memory at random
 * addresses. It never ends by itself; what it does at worst ends its own domain.
 */
export function* attack(info: StartInfo, prng: Prng, gossip: Gossip): GuestRoutine {
  const maker = createCallMaker(info, prng, gossip);
  for (;;) {
    if (prng.below(4) === 0) touchMemory(info, prng, maker);
    if (prng.below(200) === 0) yield rest(info, prng);
    const call = prng.below(20) === 0 ? batch(maker, prng) : spoiled(maker.next(), prng);
    const answer = yield { do: 'hypercall', call };
    maker.learn(call, answer);
  }
}

function batch(maker: CallMaker, prng: Prng): Hypercall {
  const calls = Array.from({ length: prng.between(1, 6) }, () => spoiled(maker.next(), prng));
  return { op: 'multicall', calls };
}

/** Now and then a field is something no sound guest would pass. */
function spoiled(call: Hypercall, prng: Prng): Hypercall {
  if (prng.below(12) !== 0) return call;
  const fields = Object.keys(call);
  const spoilt = { ...call, [prng.pick(fields)]: wildValue(prng) } as Hypercall;
  const [list] = Object.values(call).filter((value) => Array.isArray(value)) as unknown[][];
  const element = list?.[0];
  if (typeof element === 'object' && element !== null && prng.below(2) === 0) {
    const key = prng.pick(Object.keys(element));
    (element as Record<string, unknown>)[key] = wildValue(prng);
    return call;
  }
  return spoilt;
}

function rest(info: StartInfo, prng: Prng): GuestEffect {
  info.takePendingPorts();
  if (prng.below(3) === 0) return { do: 'yield' };
  if (prng.below(3) === 0) return { do: 'work', ns: prng.below(200_000) };
  return { do: 'block', untilNs: info.systemTimeNs() + BigInt(prng.below(300_000)) };
}

function touchMemory(info: StartInfo, prng: Prng, maker: CallMaker): void {
  const address = maker.address();
  if (prng.below(2) === 0) {
    const seen = info.memory.load(address, prng.pick([1, 8, 64, 4096]));
    if (seen !== null && holdsSecret(seen))
      throw new Escape(`domain ${info.domId} read the vault at ${address}`);
    return;
  }
  const bytes = new Uint8Array(prng.pick([1, 4, 8, 32]));
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = prng.below(256);
  info.memory.store(address, bytes);
  if (prng.below(2) === 0) maker.writeGrantEntry();
  if (prng.below(20) === 0) info.sharedInfo.store(prng.below(4096), prng.below(256));
}

export function holdsSecret(bytes: Uint8Array): boolean {
  for (
    let at = bytes.indexOf(SECRET[0] as number);
    at >= 0;
    at = bytes.indexOf(SECRET[0] as number, at + 1)
  ) {
    if (at + SECRET.length <= bytes.length && SECRET.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}
