import type { Answer } from '../../abi/errno.js';
import type { PauseCause, ShutdownReason } from '../../abi/power.js';
import type { Domain } from '../../domain/domain.js';
import { LIMITS } from '../../limits.js';
import type { DomainConfig, EndAction } from '../domain-config.js';
import type { Machine } from '../machine.js';
import { describeEnd } from './crash-record.js';

/** What the toolstack does for the actions. */
export interface EndToolstack {
  createDomain(config: DomainConfig): Answer<number>;
  destroyDomain(domId: number): Answer<null>;
  pause(domId: number, cause: PauseCause): Answer<null>;
  unpause(domId: number, cause: PauseCause): Answer<null>;
  /** Whether transfers of a volume are in flight. */
  volumeBusy(volumeId: string): boolean;
  /** Keeps an ended domain, without its devices, under another name and id. */
  retire(domain: Domain, name: string, id: string): void;
}

interface Watched {
  config: DomainConfig;
  /** How many lives in a row ended too early, this one's predecessors included. */
  shortLives: number;
  tries: number;
}

const ACTION_KEYS = {
  poweroff: 'onPoweroff',
  reboot: 'onReboot',
  crash: 'onCrash',
  watchdog: 'onWatchdog',
} as const satisfies Record<ShutdownReason, keyof DomainConfig>;

/**
 * Design: what the host does by itself when a domain ends, as its configuration says (xl.cfg's on_poweroff and so on). It
 * is done at the instant of the end, but outside the guest's own step. An owner who says nothing decides itself.
 * Invariants: a restart that finds transfers of its volumes in flight waits for them with the old domain still there, so
 * destroying that ends it; a domain whose lives are too short is not restarted for ever.
 */
export class EndActions {
  private readonly watched = new WeakMap<Domain, Watched>();

  constructor(
    private readonly machine: Machine,
    private readonly toolstack: EndToolstack,
  ) {
    machine.onEnded = (domain) => this.ended(domain);
  }

  /** A domain was built from this configuration. */
  watch(domain: Domain, config: DomainConfig, shortLives = 0): void {
    this.watched.set(domain, { config, shortLives, tries: 0 });
  }

  private ended(domain: Domain): void {
    const watched = this.watched.get(domain);
    const action = actionOf(watched?.config, domain.ended);
    if (watched === undefined || action === 'preserve') return;
    const timer = this.machine.timers.create(() => this.act(domain, watched, action, again));
    const again = (afterNs: bigint) => this.machine.timers.set(timer, this.machine.nowNs + afterNs);
    again(0n);
  }

  private act(
    domain: Domain,
    watched: Watched,
    action: Exclude<EndAction, 'preserve'>,
    again: (afterNs: bigint) => void,
  ): void {
    // The owner was faster.
    if (domain.destroyed) return;
    const { domId } = domain.identity;
    // Of a crash there is a record already.
    if (action.startsWith('coredump') && domain.power === 'shutdown' && watched.tries === 0)
      this.machine.crashes.keep(describeEnd(this.machine, domain));
    if (action === 'destroy' || action === 'coredump-destroy') {
      this.toolstack.destroyDomain(domId);
      return;
    }
    const shortLives = livedNs(domain) < LIMITS.restartLifeNsMin ? watched.shortLives + 1 : 0;
    if (shortLives >= LIMITS.restartsInARowMax) {
      const detail = `its last ${shortLives} lives were shorter than ${LIMITS.restartLifeNsMin} ns`;
      this.refused(domain.identity, 'EAGAIN', detail);
      return;
    }
    const busy = domain.volumeIds.find((id) => this.toolstack.volumeBusy(id));
    if (busy !== undefined) {
      watched.tries += 1;
      if (watched.tries < LIMITS.restartTriesMax) again(LIMITS.restartRetryNs);
      else this.refused(domain.identity, 'EBUSY', `volume ${busy} has transfers in flight`);
      return;
    }
    this.restart(domain, watched.config, { rename: action === 'rename-restart', shortLives });
  }

  private restart(
    domain: Domain,
    config: DomainConfig,
    { rename, shortLives }: { rename: boolean; shortLives: number },
  ): void {
    const { machine, toolstack } = this;
    const { identity, weight, cap, holds, toolstackPauses, ended } = domain;
    const { domId, name, id } = identity;
    const causes = [...holds].filter((cause) => cause !== 'build' && cause !== 'allowance');
    if (rename) {
      const suffix = `-${machine.nowNs}`;
      const kept = name.slice(0, LIMITS.domainNameCharactersMax - suffix.length);
      toolstack.retire(domain, `${kept}${suffix}`, `ended-${domId}${suffix}`);
    } else toolstack.destroyDomain(domId);
    const built = toolstack.createDomain({ ...config, weight, cap });
    if (!built.ok) {
      this.refused({ domId, id }, built.errno, built.detail);
      return;
    }
    const successor = machine.domains.get(built.value) as Domain;
    this.watch(successor, config, shortLives);
    for (const cause of causes) {
      const times = cause === 'toolstack' ? toolstackPauses : 1;
      for (let i = 0; i < times; i += 1) toolstack.pause(built.value, cause);
    }
    toolstack.unpause(built.value, 'build');
    const reason = ended ?? 'poweroff';
    machine.emit({
      type: 'domain.restarted',
      atNs: machine.nowNs,
      domId: built.value,
      id,
      fromDomId: domId,
      reason,
      shortLives,
    });
  }

  private refused(
    { domId, id }: { domId: number; id: string },
    errno: Extract<Answer<never>, { ok: false }>['errno'],
    detail: string,
  ): void {
    this.machine.emit({
      type: 'domain.restart_refused',
      atNs: this.machine.nowNs,
      domId,
      id,
      errno,
      detail,
    });
  }
}

function actionOf(config: DomainConfig | undefined, reason: ShutdownReason | null): EndAction {
  if (config === undefined || reason === null) return 'preserve';
  return config[ACTION_KEYS[reason]] ?? 'preserve';
}

function livedNs({ incarnation, endedNs }: Domain): bigint {
  return incarnation === null || endedNs === null ? 0n : endedNs - incarnation.openedNs;
}
