import { LIMITS } from '../../limits.js';
import type { CrashRecord } from './crash-record.js';

/**
 * The records of domains that ended badly, kept after the domains are gone.
 * Invariants: at most `crashesPerDomainMax` for one id and `crashesMax` in all; the oldest go first.
 */
export class CrashBook {
  private readonly bySerial = new Map<number, CrashRecord>();
  private readonly byId = new Map<string, CrashRecord[]>();
  private lastSerial = 0;

  keep(facts: Omit<CrashRecord, 'serial'>): CrashRecord {
    this.lastSerial += 1;
    const record: CrashRecord = { ...facts, serial: this.lastSerial };
    this.bySerial.set(record.serial, record);
    const ofId = this.byId.get(record.id) ?? [];
    ofId.push(record);
    this.byId.set(record.id, ofId);
    if (ofId.length > LIMITS.crashesPerDomainMax) this.forget(ofId[0] as CrashRecord);
    for (const oldest of this.bySerial.values()) {
      if (this.bySerial.size <= LIMITS.crashesMax) break;
      this.forget(oldest);
    }
    return record;
  }

  /** Of one id, or of all, oldest first. */
  list(id?: string): CrashRecord[] {
    return id === undefined ? [...this.bySerial.values()] : [...(this.byId.get(id) ?? [])];
  }

  /** The oldest of its id. */
  private forget(record: CrashRecord): void {
    this.bySerial.delete(record.serial);
    const ofId = this.byId.get(record.id) as CrashRecord[];
    ofId.shift();
    if (ofId.length === 0) this.byId.delete(record.id);
  }
}
