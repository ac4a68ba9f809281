/**
 * The commands a domain's operation is made of, in order. Every command has an id made of the operation and its place,
 * so a step that ran is never run twice, whoever asks.
 */
import type { Command } from '@xenorack/xenoserver';
import type { DomainRow } from './domain.store.js';

/** A command without its id: TypeScript's Omit would merge the union. */
type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, 'operationId'> : never) : never;

export interface DomainStep {
  stage: string;
  body: CommandBody;
  /** Answers that mean the step's goal is reached already. */
  fineErrors: readonly string[];
  /** The tenant's lease is brought up to date before this step is sent. */
  needsLease: boolean;
}

const SHUTDOWN_MS = 30_000;

const step = (stage: string, body: CommandBody, fineErrors: readonly string[] = []): DomainStep => ({
  stage,
  body,
  fineErrors,
  needsLease: body.type === 'start-domain',
});

export type DomainPlan = 'create' | 'start' | 'reboot' | 'shutdown' | 'stop' | 'pause' | 'unpause' | 'delete';

export function stepsOf(plan: DomainPlan, domain: DomainRow): DomainStep[] {
  const domainId = domain.id;
  const destroy = step('destroying', { type: 'destroy-domain', domainId }, ['ENOENT']);
  const build = step('building', { type: 'build-domain', domain: configOf(domain) }, ['EEXIST']);
  const start = step('starting', { type: 'start-domain', domainId });
  switch (plan) {
    case 'create':
      return [...domain.volumes.map(createVolume), build, start];
    case 'start':
    case 'reboot':
      return [destroy, build, start];
    case 'shutdown':
      return [
        step('shutting down', { type: 'shutdown-domain', domainId, timeoutMs: SHUTDOWN_MS }, ['ENOENT']),
        destroy,
      ];
    case 'stop':
      return [destroy];
    case 'pause':
      return [step('pausing', { type: 'pause-domain', domainId, cause: 'tenant' })];
    case 'unpause':
      return [step('resuming', { type: 'unpause-domain', domainId, cause: 'tenant' })];
    case 'delete':
      return [
        destroy,
        ...domain.volumes.map((volume) =>
          step('deleting volumes', { type: 'delete-volume', volumeId: volume.id }, ['ENOENT']),
        ),
      ];
  }
}

function createVolume(volume: DomainRow['volumes'][number]): DomainStep {
  const { id: volumeId, tenantId, bytes } = volume;
  return step(
    'creating volumes',
    { type: 'create-volume', volume: { volumeId, tenantId, bytes: Number(bytes) } },
    ['EEXIST'],
  );
}

function configOf(domain: DomainRow) {
  return {
    domainId: domain.id,
    tenantId: domain.tenantId,
    name: domain.name,
    image: domain.image,
    vcpus: domain.vcpus,
    weight: domain.weight,
    cap: domain.cap,
    memoryFrames: domain.memoryFrames,
    volumeIds: domain.volumes.map((volume) => volume.id),
    publishedPorts: domain.ports,
  };
}
