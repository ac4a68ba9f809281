import { LIMITS } from '../limits.js';
import type { DomainConfig } from './domain-config.js';

/** The first thing wrong with a domain's configuration, naming field, limit and value; null when it is sound. */
export function checkDomainConfig(config: DomainConfig): string | null {
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
  const sizing = checkWeight(config.weight ?? LIMITS.weightDefault) ?? checkCap(config.cap ?? 0);
  if (sizing !== null) return sizing;
  if (!Number.isSafeInteger(memoryFrames) || memoryFrames < 1)
    return `memoryFrames: at least 1, got ${memoryFrames}`;
  const most = memoryFramesMax ?? memoryFrames;
  if (!Number.isSafeInteger(most) || most < memoryFrames) {
    return `memoryFramesMax: at least memoryFrames (${memoryFrames}), got ${most}`;
  }
  const ids = (volumes ?? []).map((v) => v.volumeId);
  if (ids.length > LIMITS.volumesPerDomainMax)
    return `volumes: at most ${LIMITS.volumesPerDomainMax}, got ${ids.length}`;
  if (new Set(ids).size !== ids.length) return 'volumes: one volume is named twice';
  if (typeof image?.boot !== 'function') return 'image: not a guest image';
  return null;
}

export function checkResourceId(id: string): string | null {
  const max = LIMITS.resourceIdCharactersMax;
  if (typeof id !== 'string' || id.length < 1 || id.length > max) return `id: 1 to ${max} characters`;
  return /^[A-Za-z0-9._-]+$/.test(id) ? null : 'id: only A-Z a-z 0-9 . _ -';
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
