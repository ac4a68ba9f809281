import type { Domain } from '../../domain/domain.js';

/** Whether the guest itself says that it will end; one that throws says nothing. */
export function askGuestToEnd({ guest }: Domain): boolean {
  try {
    return guest?.requestShutdown?.() === true;
  } catch {
    return false;
  }
}
