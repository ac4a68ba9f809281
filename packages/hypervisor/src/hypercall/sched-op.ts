import { type HypercallAnswer, SHUTDOWN_REASONS } from '../abi/hypercall.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

export function schedOp({ host, domain }: HypercallContext, call: Arguments): HypercallAnswer {
  call.oneOf('cmd', ['shutdown'], 'ENOSYS');
  host.shutDown(domain, call.oneOf('reason', SHUTDOWN_REASONS));
  return 0;
}
