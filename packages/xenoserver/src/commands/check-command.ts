/**
 * The gate for commands: whatever arrives, only well-formed commands get past it.
 *
 * Errors. EINVAL with the field, its limit and the value. Whether things exist is for the command itself to say.
 */
import type { Command, CommandError, DomainConfig, PauseCause } from '../control.js';

const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const PAUSE_CAUSES: readonly PauseCause[] = ['tenant', 'operator', 'billing'];
export const VOLUME_BYTES_MAX = 1n << 40n;
const VOLUMES_MAX = 16;
const PORTS_MAX = 16;
const CUT_RESOURCES_MAX = 10_000;

class Malformed extends Error {}

type Fields = Record<string, unknown>;

function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

function readObject(value: unknown, field: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Malformed(`${field} must be an object`);
}

function checkId(value: unknown, field: string): void {
  if (typeof value === 'string' && ID.test(value)) return;
  throw new Malformed(
    `${field} is ${show(value)}, expected 1 to 64 letters, digits, dots, dashes or underscores`,
  );
}

function checkText(value: unknown, field: string, charactersMax: number): void {
  if (typeof value === 'string' && value.length >= 1 && value.length <= charactersMax) return;
  throw new Malformed(`${field} is ${show(value)}, expected a text of 1 to ${charactersMax} characters`);
}

function checkInteger(value: unknown, field: string, min: number, max: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
  throw new Malformed(`${field} is ${show(value)}, expected an integer from ${min} to ${max}`);
}

function readList(value: unknown, field: string, lengthMax: number): unknown[] {
  if (Array.isArray(value) && value.length <= lengthMax) return value;
  const found = Array.isArray(value) ? `has ${value.length} entries` : `is ${show(value)}`;
  throw new Malformed(`${field} ${found}, expected a list of at most ${lengthMax}`);
}

function checkDistinct(values: readonly unknown[], field: string): void {
  if (new Set(values).size < values.length) throw new Malformed(`${field} names the same thing twice`);
}

function checkPauseCause(value: unknown): void {
  if (PAUSE_CAUSES.includes(value as PauseCause)) return;
  throw new Malformed(`cause is ${show(value)}, expected one of ${PAUSE_CAUSES.join(', ')}`);
}

function checkScheduling(fields: Fields, prefix: string, vcpus: number): void {
  checkInteger(fields['weight'], `${prefix}weight`, 1, 65_535);
  checkInteger(fields['cap'], `${prefix}cap`, 0, 100 * vcpus);
}

function checkDomain(value: unknown): void {
  const domain = readObject(value, 'domain');
  checkId(domain['domainId'], 'domain.domainId');
  checkId(domain['tenantId'], 'domain.tenantId');
  checkText(domain['name'], 'domain.name', 64);
  checkText(domain['image'], 'domain.image', 64);
  checkInteger(domain['vcpus'], 'domain.vcpus', 1, 32);
  checkScheduling(domain, 'domain.', domain['vcpus'] as number);
  checkInteger(domain['memoryFrames'], 'domain.memoryFrames', 1, 2 ** 31);
  const volumeIds = readList(domain['volumeIds'], 'domain.volumeIds', VOLUMES_MAX);
  volumeIds.forEach((id, at) => checkId(id, `domain.volumeIds[${at}]`));
  checkDistinct(volumeIds, 'domain.volumeIds');
  const ports = readList(domain['publishedPorts'], 'domain.publishedPorts', PORTS_MAX).map((port, at) =>
    readObject(port, `domain.publishedPorts[${at}]`),
  );
  ports.forEach((port, at) => {
    checkInteger(port['guestPort'], `domain.publishedPorts[${at}].guestPort`, 1, 65_535);
    if (port['hostPort'] === null) return;
    checkInteger(port['hostPort'], `domain.publishedPorts[${at}].hostPort`, 1, 65_535);
  });
  checkDistinct(
    ports.map((port) => port['guestPort']),
    'domain.publishedPorts guestPort',
  );
  const hostPorts = ports.map((port) => port['hostPort']).filter((port) => port !== null);
  checkDistinct(hostPorts, 'domain.publishedPorts hostPort');
}

function checkVolume(value: unknown): void {
  const volume = readObject(value, 'volume');
  checkId(volume['volumeId'], 'volume.volumeId');
  checkId(volume['tenantId'], 'volume.tenantId');
  const bytes = volume['bytes'];
  checkInteger(bytes, 'volume.bytes', 4096, Number(VOLUME_BYTES_MAX));
  if ((bytes as number) % 4096 !== 0)
    throw new Malformed(`volume.bytes is ${String(bytes)}, expected a multiple of 4096`);
}

function checkCut(fields: Fields): void {
  checkText(fields['reason'], 'reason', 64);
  if (fields['resourceIds'] === null) return;
  readList(fields['resourceIds'], 'resourceIds', CUT_RESOURCES_MAX).forEach((id, at) =>
    checkId(id, `resourceIds[${at}]`),
  );
}

const CHECKS: { [T in Command['type']]: (fields: Fields) => void } = {
  'create-volume': (fields) => checkVolume(fields['volume']),
  'delete-volume': (fields) => checkId(fields['volumeId'], 'volumeId'),
  'build-domain': (fields) => checkDomain(fields['domain']),
  'start-domain': (fields) => checkId(fields['domainId'], 'domainId'),
  'pause-domain': (fields) => {
    checkId(fields['domainId'], 'domainId');
    checkPauseCause(fields['cause']);
  },
  'unpause-domain': (fields) => {
    checkId(fields['domainId'], 'domainId');
    checkPauseCause(fields['cause']);
  },
  'shutdown-domain': (fields) => {
    checkId(fields['domainId'], 'domainId');
    checkInteger(fields['timeoutMs'], 'timeoutMs', 0, 3_600_000);
  },
  'destroy-domain': (fields) => checkId(fields['domainId'], 'domainId'),
  'set-scheduling': (fields) => {
    checkId(fields['domainId'], 'domainId');
    checkScheduling(fields, '', 32);
  },
  cut: checkCut,
  'set-lease': (fields) => {
    const lease = readObject(fields['lease'], 'lease');
    checkText(lease['body'], 'lease.body', 1024 * 1024);
    checkText(lease['signature'], 'lease.signature', 128);
  },
  'end-lease': (fields) => checkText(fields['leaseId'], 'leaseId', 128),
  acknowledge: (fields) => {
    checkInteger(fields['epoch'], 'epoch', 1, Number.MAX_SAFE_INTEGER);
    checkInteger(fields['batch'], 'batch', 0, Number.MAX_SAFE_INTEGER);
  },
};

/** The operation id of a message, when it has a usable one. */
export function readOperationId(message: unknown): string | null {
  if (typeof message !== 'object' || message === null) return null;
  const { operationId } = message as Fields;
  return typeof operationId === 'string' && operationId.length >= 1 && operationId.length <= 128
    ? operationId
    : null;
}

/** Answers null when the message is a well-formed Command, else EINVAL. Never throws. */
export function checkCommand(message: unknown): CommandError | null {
  try {
    const fields = readObject(message, 'command');
    if (readOperationId(message) === null)
      throw new Malformed('operationId must be a text of 1 to 128 characters');
    const { type } = fields;
    if (typeof type !== 'string' || !Object.hasOwn(CHECKS, type))
      throw new Malformed(`type is ${show(type)}, unknown`);
    CHECKS[type as Command['type']](fields);
    return null;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { code: 'EINVAL', detail: error.message };
  }
}

/** What a command touches; two commands that share a key are executed one after the other. */
export function commandKeys(command: Command): string[] {
  switch (command.type) {
    case 'create-volume':
      return [`volume ${command.volume.volumeId}`];
    case 'delete-volume':
      return [`volume ${command.volumeId}`];
    case 'build-domain':
      return domainKeys(command.domain);
    case 'start-domain':
    case 'pause-domain':
    case 'unpause-domain':
    case 'shutdown-domain':
    case 'destroy-domain':
    case 'set-scheduling':
      return [`domain ${command.domainId}`];
    case 'set-lease':
    case 'end-lease':
      return ['leases'];
    case 'cut':
    case 'acknowledge':
      return [];
  }
}

function domainKeys(domain: DomainConfig): string[] {
  return [`domain ${domain.domainId}`, ...domain.volumeIds.map((id) => `volume ${id}`)];
}
