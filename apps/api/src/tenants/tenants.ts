import { Injectable } from '@nestjs/common';
import type { TenantRole } from '../platform/actor.js';
import { newId } from '../platform/ids.js';
import { Outbox } from '../platform/outbox.js';
import { refuse } from '../platform/problem.js';
import type { Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { type Tenant, TenantStore } from './tenant.store.js';

export type { Tenant } from './tenant.store.js';

export interface NewTenant {
  name: string;
  /** ISO 4217. */
  currency: string;
  /** IANA zone of its billing periods. */
  timeZone: string;
  mode?: 'live' | 'test';
}

/** Who owns and pays. */
@Injectable()
export class Tenants {
  constructor(
    private readonly store: TenantStore,
    private readonly outbox: Outbox,
    private readonly clock: WallClock,
  ) {}

  /** Errors: not_found. */
  async get(tx: Tx | null, id: string): Promise<Tenant> {
    const tenant = await this.store.find(tx, id);
    if (!tenant) throw refuse('not_found', `There is no tenant ${id.slice(0, 40)}.`);
    return tenant;
  }

  /** Errors: invalid_request for a currency or time zone that does not exist. */
  async createTenant(tx: Tx, input: NewTenant): Promise<Tenant> {
    if (!/^[A-Z]{3}$/.test(input.currency)) {
      throw refuse(
        'invalid_request',
        `currency must be three capital letters (ISO 4217); it is "${input.currency}".`,
      );
    }
    if (!isTimeZone(input.timeZone)) {
      throw refuse(
        'invalid_request',
        `time_zone must be an IANA zone such as Europe/Berlin; it is "${input.timeZone}".`,
      );
    }
    const tenant: Tenant = {
      id: newId('ten'),
      name: input.name,
      currency: input.currency,
      timeZone: input.timeZone,
      mode: input.mode ?? 'live',
      status: 'active',
      createdAt: this.clock.now(),
    };
    await this.store.insert(tx, tenant);
    await this.outbox.write(tx, {
      tenantId: tenant.id,
      type: 'tenant.created',
      subject: { type: 'tenant', id: tenant.id },
      data: { name: tenant.name },
    });
    return tenant;
  }

  /** Lets a user act for the tenant; a second time changes the role. */
  async addMember(tx: Tx, tenantId: string, userId: string, role: TenantRole): Promise<void> {
    await this.store.addMember(tx, tenantId, userId, role);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
