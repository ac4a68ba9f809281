import { type Answer, answer, refuse } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import { checkResourceId } from './check-config.js';
import type { Devices } from './devices.js';
import type { VolumeConfig } from './domain-config.js';
import type { Machine } from './machine.js';

/** The volume exists from now on, attached or not, and its space is metered. EINVAL, EEXIST. */
export function openVolume(machine: Machine, config: VolumeConfig): Answer<null> {
  const fault = checkResourceId(config.id);
  if (fault !== null) return refuse('EINVAL', fault);
  const { id, sizeBytes } = config;
  if (sizeBytes <= 0n || sizeBytes % 512n !== 0n || sizeBytes > LIMITS.volumeBytesMax) {
    return refuse('EINVAL', `sizeBytes: a multiple of 512 up to ${LIMITS.volumeBytesMax}, got ${sizeBytes}`);
  }
  if (machine.volumes.has(id) || machine.domainsById.has(id)) {
    return refuse('EEXIST', `id: ${id} is in use on this host`);
  }
  const incarnation = machine.openIncarnation('volume', id, 'running', true);
  incarnation.setLevel('disk.space.byte_ns', sizeBytes, machine.nowNs);
  machine.volumes.set(id, { id, sizeBytes, incarnation, attachedTo: null });
  machine.emit({ type: 'volume.opened', atNs: machine.nowNs, id });
  machine.announceOpened(incarnation, null);
  machine.allowances.opened(incarnation);
  return answer(null);
}

/** Ends the volume's life on this host. ENODEV; EBUSY while attached or with transfers in flight. */
export function closeVolume(machine: Machine, devices: Devices, id: string): Answer<null> {
  const volume = machine.volumes.get(id);
  if (volume === undefined) return refuse('ENODEV', `volume ${id}`);
  if (volume.attachedTo !== null) return refuse('EBUSY', `volume ${id} is attached to a domain`);
  if (devices.block.busy(id)) return refuse('EBUSY', `volume ${id} has transfers in flight`);
  machine.closeIncarnation(volume.incarnation, null);
  machine.volumes.delete(id);
  machine.emit({ type: 'volume.closed', atNs: machine.nowNs, id });
  return answer(null);
}
