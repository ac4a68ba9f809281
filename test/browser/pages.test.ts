/**
 * Every page in both themes: no accessibility violation at WCAG AA, nothing wider than a phone, no script error. The
 * screenshots of the run are kept for people to look at.
 */
import fs from 'node:fs';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext } from 'playwright-core';
import { startStack, type Stack } from '../support/stack.mjs';
import { openBrowser, shotFile, signIn, watchedPage } from './browser.js';

const tenantPages = [
  '/',
  '/domains',
  '/domains/new',
  '/domains/{domain}',
  '/bill',
  '/invoices',
  '/budgets',
  '/activity',
];
const operatorPages = ['/operator/hosts', '/operator/tenants', '/operator/plans', '/operator/ledger'];
const themes = ['light', 'dark'] as const;

let stack: Stack;
let browser: Browser;
let domainId: string;

beforeAll(async () => {
  stack = await startStack({ dashboard: true });
  browser = await openBrowser();
  domainId = await createDomain();
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await stack?.dispose();
});

/** A running domain with a budget, so that pages have something to show. */
async function createDomain(): Promise<string> {
  const call = async (method: string, address: string, body?: unknown) => {
    const answer = await fetch(`${stack.apiUrl}/v1${address}`, {
      method,
      headers: {
        Authorization: `Bearer ${stack.tenant.api_key}`,
        'Idempotency-Key': `pages-${method}-${address}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${address}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { domain: { id: string }; operation: { id: string } };
  };
  const { domain, operation } = await call('POST', '/domains', { name: 'web-1', plan_id: 'pln_slice1' });
  await call('GET', `/operations/${operation.id}?wait=60`);
  await call('POST', '/budgets', {
    name: 'Month',
    amount: { amount: '5.00', currency: 'EUR' },
    policy: 'pause',
  });
  return domain.id;
}

async function contextOf(theme: (typeof themes)[number], width: number): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme });
  context.setDefaultTimeout(60_000);
  return context;
}

async function check(
  account: Stack['tenant'] | Stack['operator'],
  pages: string[],
  theme: (typeof themes)[number],
) {
  const found: Record<string, unknown> = {};
  for (const width of [1440, 390]) {
    const context = await contextOf(theme, width);
    const { page, faults } = await watchedPage(context);
    await signIn(page, stack.dashboardUrl, account);
    for (const address of pages) {
      const name = `${address.replace('{domain}', 'one').replaceAll('/', '-').replace(/^-/, '') || 'overview'}-${width}-${theme}`;
      await page.goto(`${stack.dashboardUrl}${address.replace('{domain}', domainId)}`);
      await page.getByRole('main').waitFor();
      await page.waitForFunction(() => document.querySelectorAll('[data-skeleton]').length === 0);
      fs.mkdirSync(path.dirname(shotFile(name)), { recursive: true });
      await page.screenshot({ path: shotFile(name), fullPage: true });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) found[`${name} overflow`] = overflow;
      // The phone shows the same elements; one pass a theme is enough for the rules.
      if (width === 1440) {
        const { violations } = await new AxeBuilder({ page })
          .withTags(['wcag2a', 'wcag2aa', 'wcag21aa'])
          .analyze();
        for (const violation of violations) {
          found[`${name} ${violation.id}`] = violation.nodes.map((node) => node.target.join(' ')).slice(0, 3);
        }
      }
    }
    if (faults.length > 0) found[`${theme} ${width} faults`] = faults;
    await context.close();
  }
  return found;
}

describe.each(themes)('pages in the %s theme', (theme) => {
  test("a tenant's pages are accessible, fit a phone and throw nothing", async () => {
    expect(await check(stack.tenant, tenantPages, theme)).toEqual({});
  }, 300_000);

  test("the operator's pages are accessible, fit a phone and throw nothing", async () => {
    expect(await check(stack.operator, operatorPages, theme)).toEqual({});
  }, 300_000);
});
