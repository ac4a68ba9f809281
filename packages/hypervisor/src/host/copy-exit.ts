import type { GuestExit, GuestThen } from '../abi/guest.js';
import { SHUTDOWN_REASONS } from '../abi/hypercall.js';

const NS_MAX = 1n << 62n;

/** Why an exit is not one. */
class UnsoundExit extends Error {}

/**
 * Lets a guest run to its next exit and copies that in: each field is read once, so what the guest hands over cannot
 * change or throw afterwards. Anything unsound is a crash of the guest.
 */
export function copyExit(run: () => GuestExit, driver: boolean): GuestExit {
  try {
    const { workNs, onBehalfOf, then } = run();
    if (typeof workNs !== 'bigint' || workNs < 0n || workNs > NS_MAX)
      throw new UnsoundExit('it declared impossible work');
    if (onBehalfOf !== undefined && (!driver || typeof onBehalfOf !== 'number'))
      throw new UnsoundExit('only driver domains work on behalf of others');
    return { workNs, onBehalfOf, then: copyThen(then) };
  } catch (thrown) {
    return crashExit(thrown instanceof UnsoundExit ? thrown.message : 'it threw out of its contract');
  }
}

export function crashExit(message: string): GuestExit {
  return { workNs: 0n, then: { do: 'crash', message } };
}

function copyThen(then: GuestThen): GuestThen {
  const kind = then.do;
  switch (kind) {
    case 'continue':
    case 'yield':
      return { do: kind };
    case 'hypercall': {
      // The dispatcher copies the call itself in, when it is made.
      const { call } = then;
      if (typeof call !== 'object' || call === null)
        throw new UnsoundExit('it made a hypercall without a call');
      return { do: kind, call };
    }
    case 'block': {
      const { untilNs } = then;
      if (untilNs !== undefined && (typeof untilNs !== 'bigint' || untilNs >= NS_MAX))
        throw new UnsoundExit('it blocked until an impossible time');
      return { do: kind, untilNs };
    }
    case 'shutdown': {
      const { reason } = then;
      if (!SHUTDOWN_REASONS.includes(reason)) throw new UnsoundExit('it shut down for an unknown reason');
      return { do: kind, reason };
    }
    case 'crash': {
      const { message } = then;
      if (typeof message !== 'string') throw new UnsoundExit('it crashed without a message');
      return { do: kind, message };
    }
    default:
      throw new UnsoundExit('it left the CPU in an unknown way');
  }
}
