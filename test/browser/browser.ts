// One Chromium for a test file, and the few things every page test does.
import path from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts the Chromium that `npm test` found. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH;
  if (!executablePath) throw new Error('CHROMIUM_PATH is not set: run this through npm test.');
  return chromium.launch({ executablePath, args: flags });
}

/** Signs in on the sign-in page; the session stays in the context. */
export async function signIn(page: Page, dashboardUrl: string, account: { email: string; password: string }) {
  await page.goto(`${dashboardUrl}/sign-in`);
  await page.getByTestId('sign-in-email').fill(account.email);
  await page.getByTestId('sign-in-password').fill(account.password);
  await page.getByTestId('sign-in-submit').click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
}

/** A page that remembers every script error and every failed request to its own server. */
export async function watchedPage(context: BrowserContext): Promise<{ page: Page; faults: string[] }> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 500) faults.push(`${response.status()} ${response.url()}`);
  });
  return { page, faults };
}

/** Where screenshots of a run are left for people to look at. */
export function shotFile(name: string): string {
  return path.join(process.env.SCREENSHOT_FOLDER ?? 'test-output/screenshots', `${name}.png`);
}
