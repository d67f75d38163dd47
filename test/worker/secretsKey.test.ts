import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../config/config.ts';
import { childEnvironment } from '../../worker/local/platform.ts';
import { secretsKeyOf } from '../../worker/process/secretsSeal.ts';

const KEY = 'twenty-four characters or more';

function configOf(env: Record<string, string>) {
  const cwd = mkdtempSync(join(tmpdir(), 'nightshift-secrets-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  return loadConfig({ env, cwd });
}

test.each([
  ['databaseUrl', { DATABASE_URL: 'postgres://db/nightshift' }],
  ['objects.url', { NIGHTSHIFT_OBJECTS_URL: 's3://bucket/x', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }],
])('where %s names a server, the key that all hosts share must be given', (name, env) => {
  expect(() => secretsKeyOf(configOf(env))).toThrow(new RegExp(`secretsKey: must be set where ${name} names a server`));
  expect(secretsKeyOf(configOf({ ...env, NIGHTSHIFT_SECRETS_KEY: KEY }))).toBe(KEY);
});

test('on one host it is made up once, and handed to the processes of the stack', () => {
  const config = configOf({});
  const key = secretsKeyOf(config);
  expect(secretsKeyOf(config)).toBe(key);
  const environment = childEnvironment(config);
  expect(secretsKeyOf(loadConfig({ env: environment, cwd: config.cwd }))).toBe(key);
});
