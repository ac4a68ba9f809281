import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from './config.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'xenorack-config-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const good = {
  DATABASE_URL: 'postgresql://someone:hidden@127.0.0.1:5432/xenorack',
  REDIS_URL: 'redis://127.0.0.1:6379',
  XENORACK_DATA: path.join(folder, 'data'),
};

describe('configuration', () => {
  test('a small environment is enough: all roles, loopback, port 4000', () => {
    const config = loadConfig(good);
    expect([...config.roles]).toEqual(['http', 'jobs', 'hosts']);
    expect([config.apiHost, config.apiPort, config.dashboardUrl]).toEqual([
      '127.0.0.1',
      4000,
      'http://localhost:3000',
    ]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('the secret is made once, is readable by its owner only, and stays the same', () => {
    const first = loadConfig(good).secret;
    expect(first.length).toBeGreaterThanOrEqual(32);
    expect(loadConfig(good).secret).toBe(first);
    expect(fs.statSync(path.join(good.XENORACK_DATA, 'session-secret')).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['DATABASE_URL', '', 'DATABASE_URL must be set'],
    [
      'DATABASE_URL',
      'mysql://x',
      'DATABASE_URL must be a URL that begins with postgres:// or postgresql://; it is "mysql://x"',
    ],
    ['REDIS_URL', 'localhost', 'REDIS_URL must be a URL that begins with redis://'],
    ['API_PORT', '70000', 'API_PORT must be a whole number from 0 to 65535; it is "70000"'],
    ['API_PORT', '4e3', 'API_PORT must be a whole number from 0 to 65535; it is "4e3"'],
    ['XENORACK_ROLES', 'http,cron', 'XENORACK_ROLES must be a list of http, jobs, hosts; it is "http,cron"'],
    ['RATE_LIMIT_PER_MINUTE', '0', 'RATE_LIMIT_PER_MINUTE must be a whole number from 1'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of silent'],
    ['XENORACK_SECRET', 'short', 'XENORACK_SECRET must have at least 32 characters; it has 5'],
    ['REDIS_PREFIX', 'a b', 'REDIS_PREFIX must be 1 to 40'],
    [
      'XENORACK_DATA',
      path.join(import.meta.filename, 'data'),
      'XENORACK_DATA must be a folder this user can write',
    ],
  ])('%s=%p is refused by name, limit and value', (name, value, message) => {
    expect(() => loadConfig({ ...good, [name]: value })).toThrow(message);
  });

  test('a password in a URL is never repeated in the error', () => {
    expect(() => loadConfig({ ...good, DATABASE_URL: 'http://a:secret-word@b/c' })).toThrow(
      /it is "http:\/\/a:\*\*\*@b\/c"/,
    );
  });
});
