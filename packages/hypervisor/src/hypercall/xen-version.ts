import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

/** The profile of this host: Xen's 4.x interface. `version` answers (major << 16) | minor, as in Xen. */
export const XEN_VERSION = { major: 4, minor: 20, extraversion: '-xenorack', pageBytes: 4096 } as const;

export function xenVersion(_context: HypercallContext, call: Arguments): HypercallAnswer {
  switch (call.oneOf('cmd', ['version', 'extraversion', 'capabilities', 'pagesize'], 'ENOSYS')) {
    case 'version':
      return (XEN_VERSION.major << 16) | XEN_VERSION.minor;
    case 'extraversion':
      return { rc: 0, text: XEN_VERSION.extraversion };
    case 'capabilities':
      return { rc: 0, text: `xen-${XEN_VERSION.major}.${XEN_VERSION.minor}-emulated` };
    case 'pagesize':
      return XEN_VERSION.pageBytes;
  }
}
