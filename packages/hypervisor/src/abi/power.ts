/** What a domain is doing as a whole. A volume is always `running`. */
export type PowerState = 'running' | 'paused' | 'shutdown' | 'crashed';

export const POWER_STATES: readonly PowerState[] = ['running', 'paused', 'shutdown', 'crashed'];

/**
 * Who holds a domain. Each cause holds it at most once, but `toolstack`, which counts as Xen's pause does; the domain runs
 * only when nobody holds it. `build` is Xen's initial pause count of a new domain; `allowance` belongs to the host's
 * own limits.
 */
export type PauseCause = 'build' | 'tenant' | 'operator' | 'host' | 'toolstack' | 'allowance';

/** Why a domain ended. `watchdog`: the guest did not set its watchdog again in time. */
export type ShutdownReason = 'poweroff' | 'reboot' | 'crash' | 'watchdog';
