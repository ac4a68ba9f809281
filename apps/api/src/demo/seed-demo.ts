import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Identity } from '../auth/identity.js';
import { TermsStore } from '../billing/terms.store.js';
import { PlanStore } from '../catalog/plan.store.js';
import { HostStore } from '../hosts/host.store.js';
import { IssuerStore } from '../invoices/issuer.store.js';
import { QuotaStore } from '../limits/quota.store.js';
import { newId } from '../platform/ids.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { ApiKeys } from '../tenants/api-keys.js';
import { Tenants } from '../tenants/tenants.js';
import { DEMO_PLANS, demoPlanVersions } from './demo-plans.js';

export interface DemoSignIns {
  operator: { email: string; password: string };
  tenant: { email: string; password: string; api_key: string };
}

const FRAMES_PER_GIB = 262_144;
const HOSTS = [
  { name: 'rack-a', location: 'Amsterdam' },
  { name: 'rack-b', location: 'Bergen' },
];

/** One operator, one test tenant, three plans and two hosts: what a first look needs. */
@Injectable()
export class SeedDemo {
  constructor(
    private readonly identity: Identity,
    private readonly tenants: Tenants,
    private readonly apiKeys: ApiKeys,
    private readonly plans: PlanStore,
    private readonly hosts: HostStore,
    private readonly quotas: QuotaStore,
    private readonly terms: TermsStore,
    private readonly issuers: IssuerStore,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: WallClock,
  ) {}

  async run(): Promise<DemoSignIns> {
    const operator = { email: 'operator@example.com', password: newPassword() };
    const member = { email: 'tenant@example.com', password: newPassword() };
    await this.identity.createUser({ ...operator, name: 'Olivia Operator', operatorRole: 'operator' });
    const user = await this.identity.createUser({ ...member, name: 'Tarik Tenant', operatorRole: null });
    const apiKey = await this.unitOfWork.run(async (tx) => {
      await this.issuers.create(tx, { id: 'issuer_test', name: 'Xenorack demo', prefix: 'TEST-' });
      const validFromNs = this.clock.nowNs();
      const versions = demoPlanVersions(validFromNs);
      for (const [at, plan] of DEMO_PLANS.entries()) await this.plans.publish(tx, plan, versions[at]!);
      for (const host of HOSTS) {
        const framesTotal = 4 * FRAMES_PER_GIB;
        const framesSellable = 3 * FRAMES_PER_GIB;
        await this.hosts.create(tx, { id: newId('hst'), ...host, pcpus: 4, framesTotal, framesSellable });
      }
      const tenant = await this.tenants.createTenant(tx, {
        name: 'Acme Hosting',
        currency: 'EUR',
        timeZone: 'Europe/Amsterdam',
        mode: 'test',
      });
      await this.tenants.addMember(tx, tenant.id, user.id, 'owner');
      await this.terms.create(tx, {
        tenantId: tenant.id,
        creditLimitPico: 50n * 10n ** 12n,
        taxPermille: 0,
        issuerId: 'issuer_test',
      });
      await this.quotas.create(tx, tenant.id, {
        domains: 10n,
        vcpus: 20n,
        memory_mib: 2_048n,
        disk_mib: 10_240n,
      });
      const issued = await this.apiKeys.issue(
        tx,
        tenant.id,
        { name: 'demo', scopes: ['read', 'write'] },
        user.id,
      );
      return issued.secret;
    });
    return { operator, tenant: { ...member, api_key: apiKey } };
  }
}

function newPassword(): string {
  return randomBytes(12).toString('base64url');
}
