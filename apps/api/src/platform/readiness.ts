import { Injectable } from '@nestjs/common';

export interface ReadinessReport {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

const checkWithinMs = 2_000;

/** What /readyz asks. A part that others depend on registers a check that resolves when it works and throws when not. */
@Injectable()
export class Readiness {
  private readonly checks = new Map<string, () => Promise<unknown>>();

  add(name: string, check: () => Promise<unknown>): void {
    this.checks.set(name, check);
  }

  async report(): Promise<ReadinessReport> {
    const checks: ReadinessReport['checks'] = {};
    await Promise.all(
      [...this.checks].map(async ([name, check]) => {
        try {
          await within(check(), checkWithinMs);
          checks[name] = { ok: true };
        } catch (error) {
          checks[name] = { ok: false, detail: (error as Error).message };
        }
      }),
    );
    return { ready: Object.values(checks).every((check) => check.ok), checks };
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
