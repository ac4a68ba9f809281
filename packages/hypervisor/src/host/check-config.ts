import { LIMITS } from '../limits.js';
import { checkPcpus } from './affinity.js';
import type { DomainConfig, EndAction } from './domain-config.js';

/** The first thing wrong with a domain's configuration, naming field, limit and value; null when it is sound. */
export function checkDomainConfig(config: DomainConfig, pcpus: number): string | null {
  const { name, vcpus, memoryFrames, memoryFramesMax, volumes, image } = config;
  const nameMax = LIMITS.domainNameCharactersMax;
  if (typeof name !== 'string' || name.length < 1 || name.length > nameMax) {
    return `name: 1 to ${nameMax} characters, got ${String(name?.length)}`;
  }
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'name: control characters are not allowed';
  const idFault = checkResourceId(config.id);
  if (idFault !== null) return idFault;
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > LIMITS.vcpusPerDomainMax) {
    return `vcpus: 1 to ${LIMITS.vcpusPerDomainMax}, got ${vcpus}`;
  }
  const vcpusMax = config.vcpusMax ?? vcpus;
  if (!Number.isInteger(vcpusMax) || vcpusMax < vcpus || vcpusMax > LIMITS.vcpusPerDomainMax) {
    return `vcpusMax: vcpus (${vcpus}) to ${LIMITS.vcpusPerDomainMax}, got ${vcpusMax}`;
  }
  const channels = config.maxEventChannels ?? LIMITS.eventChannelsDefault;
  if (!Number.isInteger(channels) || channels < 1 || channels > LIMITS.eventChannelsMax) {
    return `maxEventChannels: 1 to ${LIMITS.eventChannelsMax}, got ${channels}`;
  }
  const grantFrames = config.maxGrantFrames ?? LIMITS.grantFramesDefault;
  if (!Number.isInteger(grantFrames) || grantFrames < 1 || grantFrames > LIMITS.grantFramesMax) {
    return `maxGrantFrames: 1 to ${LIMITS.grantFramesMax}, got ${grantFrames}`;
  }
  const maptrack = config.maxMaptrackFrames ?? LIMITS.maptrackFramesDefault;
  if (!Number.isInteger(maptrack) || maptrack < 0 || maptrack > LIMITS.maptrackFramesMax) {
    return `maxMaptrackFrames: 0 to ${LIMITS.maptrackFramesMax}, got ${maptrack}`;
  }
  const { cpus, cpusSoft } = config;
  const pinning =
    (cpus === undefined ? null : checkPcpus('cpus', cpus, pcpus)) ??
    (cpusSoft === undefined ? null : checkPcpus('cpusSoft', cpusSoft, pcpus));
  if (pinning !== null) return pinning;
  const sizing = checkWeight(config.weight ?? LIMITS.weightDefault) ?? checkCap(config.cap ?? 0);
  if (sizing !== null) return sizing;
  const memoryFault = checkFrames('memoryFrames', memoryFrames);
  if (memoryFault !== null) return memoryFault;
  const tables = LIMITS.pageTableDomainFramesMin;
  if (config.pageTables && memoryFrames < tables)
    return `memoryFrames: at least ${tables} with page tables, got ${memoryFrames}`;
  const most = memoryFramesMax ?? memoryFrames;
  if (!Number.isSafeInteger(most) || most < memoryFrames) {
    return `memoryFramesMax: at least memoryFrames (${memoryFrames}), got ${most}`;
  }
  const ids = (volumes ?? []).map((v) => v.volumeId);
  if (ids.length > LIMITS.volumesPerDomainMax)
    return `volumes: at most ${LIMITS.volumesPerDomainMax}, got ${ids.length}`;
  if (new Set(ids).size !== ids.length) return 'volumes: one volume is named twice';
  if (typeof image?.boot !== 'function') return 'image: not a guest image';
  return checkActions(config);
}

export const END_ACTIONS: readonly EndAction[] = [
  'destroy',
  'restart',
  'rename-restart',
  'preserve',
  'coredump-destroy',
  'coredump-restart',
];

function checkActions(config: DomainConfig): string | null {
  for (const key of ['onPoweroff', 'onReboot', 'onCrash', 'onWatchdog'] as const) {
    const action = config[key];
    if (action !== undefined && !END_ACTIONS.includes(action))
      return `${key}: one of ${END_ACTIONS.join(', ')}, got ${String(action)}`;
  }
  return null;
}

export function checkResourceId(id: string): string | null {
  const max = LIMITS.resourceIdCharactersMax;
  if (typeof id !== 'string' || id.length < 1 || id.length > max) return `id: 1 to ${max} characters`;
  return /^[A-Za-z0-9._-]+$/.test(id) ? null : 'id: only A-Z a-z 0-9 . _ -';
}

export function checkFrames(field: string, frames: number): string | null {
  const max = LIMITS.hostFramesMax;
  const sound = Number.isSafeInteger(frames) && frames >= 1 && frames <= max;
  return sound ? null : `${field}: 1 to ${max}, got ${frames}`;
}

export function checkWeight(weight: number): string | null {
  const sound = Number.isInteger(weight) && weight >= 1 && weight <= LIMITS.weightMax;
  return sound ? null : `weight: 1 to ${LIMITS.weightMax}, got ${weight}`;
}

export function checkCap(cap: number): string | null {
  const max = LIMITS.pcpusMax * 100;
  const sound = Number.isInteger(cap) && cap >= 0 && cap <= max;
  return sound ? null : `cap: 0 (none) to ${max} percent, got ${cap}`;
}
