import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import { LIMITS } from '../limits.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

/**
 * Xen's emergency console: `write` keeps the last lines of a domain, for its owner and for the facts of a crash.
 * The answer is how many bytes were taken. Nothing can be read from it (ENOSYS).
 */
export function consoleIo({ domain, spend }: HypercallContext, call: Arguments): HypercallAnswer {
  call.oneOf('cmd', ['write'], 'ENOSYS');
  const bytes = call.bytes('bytes', LIMITS.consoleWriteBytesMax);
  spend(perKib(CPU_MODEL.hypercall.console_io.perKibNs, bytes.length));
  domain.console.write(bytes);
  return bytes.length;
}
