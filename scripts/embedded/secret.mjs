// A password generated once and kept where only its owner reads it.
import crypto from 'node:crypto';
import fs from 'node:fs';

/** @param {string} file @returns {string} 32 hexadecimal digits. */
export function keptSecret(file) {
  if (fs.existsSync(file)) return fs.readFileSync(file, 'utf8').trim();
  const secret = crypto.randomBytes(16).toString('hex');
  fs.writeFileSync(file, secret, { mode: 0o600, flag: 'wx' });
  return secret;
}
