/** What a domain is doing as a whole. A volume is always `running`. */
export type PowerState = 'running' | 'paused' | 'shutdown' | 'crashed';

export const POWER_STATES: readonly PowerState[] = ['running', 'paused', 'shutdown', 'crashed'];

/**
 * Who holds a domain. Each cause holds it at most once and the domain runs only when nobody does. `build` is
 * Xen's initial pause count of a new domain; `allowance` belongs to the host's own limits.
 */
export type PauseCause = 'build' | 'tenant' | 'operator' | 'host' | 'allowance';

export type ShutdownReason = 'poweroff' | 'reboot' | 'crash';
