import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

export function eventChannelOp({ host, domain, spend }: HypercallContext, call: Arguments): HypercallAnswer {
  switch (call.oneOf('cmd', ['send', 'bind_ipi'], 'ENOSYS')) {
    case 'send':
      host.stats.eventsSent += 1;
      spend(CPU_MODEL.hypercall.event_channel_op.sendNs);
      return domain.events.send(call.integer('port', 0, 0xffff_ffff)) ? 0 : -ERRNO.EINVAL;
    case 'bind_ipi': {
      const vcpu = call.integer('vcpu', 0, domain.vcpus.length - 1, 'ENOENT');
      const port: number | null = domain.events.bind(() => host.notify(domain, port as number, vcpu));
      return port ?? -ERRNO.ENOSPC;
    }
  }
}
