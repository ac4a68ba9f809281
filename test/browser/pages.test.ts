/**
 * Every page in both themes: no accessibility violation at WCAG AA, nothing wider than a phone, no script error. The
 * screenshots of the run are kept for people to look at.
 */
import fs from 'node:fs';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
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
const desktop = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };

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

type Theme = (typeof themes)[number];
type Account = Stack['tenant'] | Stack['operator'];

/** Everything that is wrong on these pages, by page and rule; empty when nothing is. */
async function faultsOn(
  account: Account,
  addresses: string[],
  theme: Theme,
): Promise<Record<string, unknown>> {
  const context = await browser.newContext({ viewport: desktop, colorScheme: theme });
  context.setDefaultTimeout(60_000);
  const { page, faults } = await watchedPage(context);
  await signIn(page, stack.dashboardUrl, account);
  const found: Record<string, unknown> = {};
  for (const address of addresses) {
    const name = address.replace('{domain}', 'one').replaceAll('/', '-').slice(1) || 'overview';
    await page.setViewportSize(desktop);
    await page.goto(`${stack.dashboardUrl}${address.replace('{domain}', domainId)}`);
    await page.getByRole('main').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('[data-skeleton]').length === 0);
    await shoot(page, `${name}-1440-${theme}`);
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21aa'])
      .analyze();
    for (const { id, nodes } of violations)
      found[`${name} ${id}`] = nodes.map((node) => node.target.join(' '));
    await page.setViewportSize(phone);
    await shoot(page, `${name}-390-${theme}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) found[`${name} is wider than a phone by`] = overflow;
  }
  if (faults.length > 0) found['script errors and failed requests'] = faults;
  await context.close();
  return found;
}

async function shoot(page: Page, name: string): Promise<void> {
  fs.mkdirSync(path.dirname(shotFile(name)), { recursive: true });
  await page.screenshot({ path: shotFile(name), fullPage: true });
}

describe.each(themes)('pages in the %s theme', (theme) => {
  test("a tenant's pages are accessible, fit a phone and throw nothing", async () => {
    expect(await faultsOn(stack.tenant, tenantPages, theme)).toEqual({});
  }, 300_000);

  test("the operator's pages are accessible, fit a phone and throw nothing", async () => {
    expect(await faultsOn(stack.operator, operatorPages, theme)).toEqual({});
  }, 300_000);
});
