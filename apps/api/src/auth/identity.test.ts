import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { getAuthTables } from 'better-auth/db';
import { startApi, type TestApi } from '../../../../test/support/api.js';
import { Database } from '../platform/database.js';
import { Identity } from './identity.js';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ modules: [], config: { roles: new Set(['http'] as const) } });
});
afterAll(() => api.close());

test('every field that better-auth keeps has its column', async () => {
  const tables = getAuthTables(api.get(Identity).options);
  const { rows } = await api
    .get(Database)
    .pool.query<{ name: string }>(
      "SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_name LIKE 'auth\\_%'",
    );
  const columns = new Set(rows.map(({ name }) => name));
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const wanted = Object.values(tables).flatMap((table) =>
    Object.keys(table.fields).map((field) => `${snake(table.modelName)}.${snake(field)}`),
  );
  expect(wanted.length).toBeGreaterThan(20);
  expect(wanted.filter((name) => !columns.has(name))).toEqual([]);
});

test('a second user of an e-mail is refused, whatever the case of its letters', async () => {
  const identity = api.get(Identity);
  const input = { email: 'Twice@Example.com', password: 'long enough to be one', name: 'Twice' };
  const { id } = await identity.createUser(input);
  expect(id).toMatch(/^usr_/);
  await expect(identity.createUser({ ...input, email: 'twice@example.com' })).rejects.toMatchObject({
    code: 'already_exists',
  });
});

test('a password is kept as a slow hash only', async () => {
  await api
    .get(Identity)
    .createUser({ email: 'hash@example.com', password: 'plain words here', name: 'Hash' });
  const { rows } = await api.get(Database).pool.query('SELECT password FROM auth_account');
  expect(rows.length).toBeGreaterThan(0);
  for (const { password } of rows) expect(password).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);
});
