/**
 * The main job as a person does it: sign in, create a domain, use it, watch the bill, let a budget stop it, raise the
 * budget, close the month as the operator, and follow the invoice down to its readings.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startStack, type Stack } from '../support/stack.mjs';
import { openBrowser, signIn, watchedPage } from './browser.js';

let stack: Stack;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let faults: string[];
let domainUrl: string;

const PATIENCE_MS = 60_000;

beforeAll(async () => {
  stack = await startStack({ dashboard: true });
  browser = await openBrowser();
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  context.setDefaultTimeout(PATIENCE_MS);
  ({ page, faults } = await watchedPage(context));
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await stack?.dispose();
});

/** Waits until an element shows something else than before, or what is wanted. */
async function untilText(testId: string, wanted: (text: string) => boolean): Promise<string> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const text = (await page.getByTestId(testId).first().textContent()) ?? '';
    if (wanted(text)) return text;
    if (Date.now() > deadline) throw new Error(`${testId} still reads "${text}"`);
    await page.waitForTimeout(100);
  }
}

async function untilState(state: string): Promise<void> {
  await page.locator(`[data-testid="domain-state"][data-state="${state}"]`).first().waitFor();
}

async function accrued(): Promise<number> {
  return Number(await page.getByTestId('accrued').getAttribute('data-amount'));
}

async function domainRequest(path: string): Promise<Response> {
  return fetch(new URL(path, domainUrl), { signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function openDomain(): Promise<void> {
  await page.getByTestId('nav-domains').click();
  await page.getByTestId('domain-row-shop').getByRole('link').first().click();
  await page.getByTestId('domain-url').waitFor();
}

describe('the main job in the dashboard', () => {
  test('a tenant signs in, sees the estimate move with the plan and creates a domain that runs', async () => {
    await signIn(page, stack.dashboardUrl, stack.tenant);
    await page.getByTestId('nav-domains').click();
    await page.getByTestId('create-domain').first().click();
    await page.getByTestId('create-name').fill('shop');
    const first = await untilText('estimate-hourly', (text) => /\d/.test(text));
    await page.getByTestId('plan-metered').click();
    await untilText('estimate-hourly', (text) => /\d/.test(text) && text !== first);
    await page.getByTestId('create-submit').click();
    await untilState('running');
    domainUrl = (await page.getByTestId('domain-url').textContent())!.trim();
    expect(domainUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  }, 300_000);

  test('the domain serves HTTP on its own port and its meters and bill move on the open page', async () => {
    const home = await domainRequest('/');
    expect(home.status).toBe(200);
    expect(await home.text()).toContain('shop is running');
    const before = await accrued();
    const burning = domainRequest('/burn?ms=3000');
    await untilText('live-cpu', (text) => Number.parseFloat(text) > 50);
    expect((await burning).status).toBe(200);
    const deadline = Date.now() + PATIENCE_MS;
    while ((await accrued()) <= before && Date.now() < deadline) await page.waitForTimeout(100);
    // 3 s of CPU at 3.60 EUR an hour are 0.003 EUR.
    expect(await accrued()).toBeGreaterThan(before + 0.001);
    await domainRequest('/bytes?n=3000000').then((answer) => answer.arrayBuffer());
    await untilText('live-network', (text) => /[1-9]/.test(text));
  }, 300_000);

  test('a budget of a few cents pauses the domain by itself and raising it resumes it', async () => {
    await page.getByTestId('nav-budgets').click();
    await page.getByTestId('new-budget').first().click();
    await page.getByTestId('budget-name').fill('A few cents');
    await page.getByTestId('budget-amount').fill('0.02');
    await page.getByTestId('policy-pause').click();
    await page.getByTestId('budget-submit').click();
    await page.getByTestId('budget').filter({ hasText: 'A few cents' }).waitFor();

    await openDomain();
    const burning = domainRequest('/burn?ms=25000').catch(() => null);
    await untilState('paused');
    await page.getByTestId('holds').waitFor();
    // The landing reserve apart, the budget is used up and not passed.
    expect(await accrued()).toBeGreaterThan(0.019);
    expect(await accrued()).toBeLessThanOrEqual(0.02);

    await page.getByTestId('nav-budgets').click();
    await page.getByTestId('edit-budget').first().click();
    await page.getByTestId('budget-amount').fill('1.00');
    await page.getByTestId('budget-submit').click();
    await openDomain();
    await untilState('running');
    expect((await burning)?.status).toBe(200);
    expect((await domainRequest('/')).status).toBe(200);
  }, 300_000);

  test('the operator closes the month and the invoice equals the last payable, down to its readings', async () => {
    // What was used is settled: the payable can no longer move by a cent while the month is closed.
    const bill = await page.request.get(`${stack.dashboardUrl}/api/v1/billing/current-period`);
    const { payable } = (await bill.json()) as { payable: { amount: string } };

    const office = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    office.setDefaultTimeout(PATIENCE_MS);
    const { page: desk, faults: deskFaults } = await watchedPage(office);
    await signIn(desk, stack.dashboardUrl, stack.operator);
    await desk.getByTestId('nav-operator-tenants').click();
    await desk.getByTestId('tenant-menu').first().click();
    await desk.getByTestId('advance-clock').click();
    await desk.getByTestId('clock-submit').click();
    await desk.getByTestId('clock-submit').waitFor({ state: 'detached' });
    await desk.getByTestId('tenant-menu').first().click();
    await desk.getByTestId('run-invoice').click();
    await desk.getByTestId('invoice-run-submit').click();
    await desk.getByTestId('invoice-run-done').waitFor();
    await desk.getByRole('button', { name: 'Close', exact: true }).first().click();
    await desk.getByTestId('nav-operator-ledger').click();
    await desk.getByTestId('ledger-check').waitFor();
    expect(deskFaults).toEqual([]);
    await office.close();

    await page.getByTestId('nav-invoices').click();
    const row = page.getByTestId('invoice-row').first();
    await row.waitFor();
    expect(await row.getByTestId('invoice-row-total').getAttribute('title')).toContain(payable.amount);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      row.getByTestId('invoice-json').click(),
    ]);
    const document = await readStream(await download.createReadStream());
    const invoice = JSON.parse(document.toString('utf8')) as { total: string; lines: unknown[] };
    expect(invoice.total).toBe(payable.amount);

    await row.getByRole('link').first().click();
    await page.getByTestId('invoice-line').first().waitFor();
    expect(await page.content()).toContain(createHash('sha256').update(document).digest('hex'));
    await page.getByTestId('derive').first().click();
    await page.getByTestId('derivation').waitFor();
    expect(await page.getByTestId('derivation').textContent()).toMatch(/Readings/);
    expect(faults).toEqual([]);
  }, 300_000);
});

async function readStream(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}
