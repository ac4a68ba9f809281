// Finds a Chromium for the browser tests.
import fs from 'node:fs';
import { findOnPath } from './embedded/process.mjs';

/** @returns {string | undefined} CHROMIUM_PATH, or the first browser of a known name. */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named) return fs.existsSync(named) ? named : undefined;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
  return names.map(findOnPath).find((file) => file !== undefined);
}
