import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/config.ts';
import { renderConfigurationDocs } from '../../config/docs.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'nightshift-config-'));
});

const load = (env: NodeJS.ProcessEnv = {}) => loadConfig({ env: { HOME: '/home/ada', ...env }, cwd });

describe('where values come from', () => {
  test('starts with the defaults, with paths below the current folder and the home folder', () => {
    const config = load();
    expect(config.stateDir).toBe(join(cwd, '.nightshift'));
    expect(config.cacheDir).toBe('/home/ada/.cache/nightshift');
    expect(config.temporal).toMatchObject({
      port: 7233,
      embedded: true,
      connection: { options: { address: '127.0.0.1:7233' }, namespace: 'default' },
    });
    expect(config.mqtt).toEqual({
      port: 18830,
      url: 'mqtt://127.0.0.1:18830',
      carUrl: 'mqtt://127.0.0.1:18830',
      embedded: true,
      telemetryBase: 'telemetry',
    });
    expect(config.objects).toEqual({
      kind: 'directory',
      path: join(cwd, '.nightshift', 'objects'),
      carUrl: 'http://127.0.0.1:8787',
    });
  });

  test('reads ./nightshift.yaml, and puts the environment before it', () => {
    writeFileSync(join(cwd, 'nightshift.yaml'), 'api:\n  port: 9001\n  host: 0.0.0.0\nlogLevel: debug\n');
    const config = load({ NIGHTSHIFT_API_PORT: '9002', NIGHTSHIFT_LOG_LEVEL: '' });
    expect(config.api).toMatchObject({ host: '0.0.0.0', port: 9002, url: 'http://0.0.0.0:9002' });
    expect(config.logLevel).toBe('debug');
  });

  test('reads a JSON file from NIGHTSHIFT_CONFIG and resolves its paths against its own folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nightshift-elsewhere-'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ stateDir: 'state', 'postgres.port': 5555 }));
    const config = load({ NIGHTSHIFT_CONFIG: join(folder, 'config.json'), NIGHTSHIFT_CELL_FILE: 'cell.yaml' });
    expect(config.stateDir).toBe(join(folder, 'state'));
    expect(config.postgres.port).toBe(5555);
    expect(config.cellFile).toBe(join(cwd, 'cell.yaml'));
  });

  test('prefers XDG_CACHE_HOME to ~/.cache', () => {
    expect(load({ XDG_CACHE_HOME: '/var/cache/ada' }).cacheDir).toBe('/var/cache/ada/nightshift');
  });

  test('hands a child an environment that yields the same config after the file has changed', () => {
    writeFileSync(join(cwd, 'nightshift.yaml'), 'api: { port: 9001 }\nobjects: { url: things }\n');
    const config = load();
    writeFileSync(join(cwd, 'nightshift.yaml'), 'api: { port: 1 }\nnonsense: [');
    const child = loadConfig({ env: config.environment, cwd });
    expect({ ...child, environment: undefined }).toEqual({ ...config, environment: undefined });
  });
});

describe('replacing parts', () => {
  test('takes the Temporal server, its key and namespace from the SDK variables', () => {
    const { temporal } = load({
      TEMPORAL_ADDRESS: 'eu.example.com:7233',
      TEMPORAL_NAMESPACE: 'cell-7',
      TEMPORAL_API_KEY: 'secret',
    });
    expect(temporal.embedded).toBe(false);
    expect(temporal.connection).toMatchObject({
      namespace: 'cell-7',
      options: { address: 'eu.example.com:7233', apiKey: 'secret', tls: true },
    });
  });

  test('ignores the default Temporal profile file unless a profile is asked for', () => {
    const profiles = join(cwd, 'temporal.toml');
    writeFileSync(profiles, '[profile.default]\naddress = "production:7233"\n');
    expect(load({ TEMPORAL_CONFIG_FILE: profiles }).temporal.connection.options.address).toBe('production:7233');
    expect(load({ TEMPORAL_API_KEY: 'left over' }).temporal.embedded).toBe(true);
  });

  test('reads an S3 store with its credentials', () => {
    const { objects } = load({
      NIGHTSHIFT_OBJECTS_URL: 's3://night-bucket/cells/7/',
      NIGHTSHIFT_OBJECTS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'key',
    });
    expect(objects).toEqual({
      kind: 's3',
      bucket: 'night-bucket',
      prefix: 'cells/7',
      endpoint: 'https://s3.eu-central-1.amazonaws.com',
      region: 'eu-central-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'key', sessionToken: undefined },
      carUrl: 'http://127.0.0.1:8787',
    });
  });
});

test('tells cars where their doors are, without what we open ours with', () => {
  const config = load({ MQTT_URL: 'mqtts://control:secret@broker.example:8883', NIGHTSHIFT_GATEWAY_PORT: '9000' });
  expect(config.mqtt.carUrl).toBe('mqtts://broker.example:8883');
  expect(config.gateway).toEqual({ host: '127.0.0.1', port: 9000, address: '127.0.0.1:9000', tls: undefined });
  expect(load({ NIGHTSHIFT_GATEWAY_ADDRESS: 'cars.example:443' }).gateway.address).toBe('cars.example:443');
  expect(() => load({ NIGHTSHIFT_GATEWAY_KEY_FILE: 'key.pem' })).toThrow('gateway.certificateFile, gateway.keyFile');
});

test('reads keys that objects are encrypted with, and hands them to a child', () => {
  const keys = ['the newest key of the objects', 'the key that they had before'];
  const config = load({ NIGHTSHIFT_OBJECTS_ENCRYPTION_KEYS: keys.join(', ') });
  expect(config.objects.encryptionKeys).toEqual(keys);
  expect(loadConfig({ env: config.environment, cwd }).objects.encryptionKeys).toEqual(keys);
});

describe('what it refuses', () => {
  test.each([
    [
      { NIGHTSHIFT_API_PORT: '99999' },
      'api.port (NIGHTSHIFT_API_PORT): must be a whole number from 1 to 65535, got 99999',
    ],
    [
      { NIGHTSHIFT_API_PORT: 'many' },
      'api.port (NIGHTSHIFT_API_PORT): must be a whole number from 1 to 65535, got "many"',
    ],
    [{ NIGHTSHIFT_APIPORT: '1' }, 'NIGHTSHIFT_APIPORT: unknown variable; did you mean NIGHTSHIFT_API_PORT?'],
    [{ NIGHTSHIFT_LOG_LEVEL: 'loud' }, 'logLevel (NIGHTSHIFT_LOG_LEVEL): must be one of trace, debug'],
    [{ NIGHTSHIFT_OBJECTS_URL: 's3://b/' }, 'objects.url: must be a folder or s3://bucket/prefix, got "s3://b/"'],
    [{ NIGHTSHIFT_OBJECTS_URL: 's3://bucket' }, 'objects.url: an s3:// store needs AWS_ACCESS_KEY_ID'],
    [{ NIGHTSHIFT_CONFIG: 'absent.yaml' }, 'absent.yaml: cannot be read'],
    [{ TEMPORAL_ADDRESS: 'a:1', TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/absent.pem' }, 'TEMPORAL_*: cannot be read'],
  ])('%j', (env, message) => {
    expect(() => load(env)).toThrow(message);
  });

  test('never shows a secret', () => {
    expect(() => load({ DATABASE_URL: 'mysql://root:hunter2@db' })).toThrow(
      /databaseUrl \(DATABASE_URL\): must be a URL that starts with postgres:\/\/ or postgresql:\/\/$/m,
    );
    expect(() => load({ NIGHTSHIFT_OBJECTS_ENCRYPTION_KEYS: `${'x'.repeat(24)},hunter2` })).toThrow(
      /must be keys of at least 24 characters each, separated by commas$/m,
    );
  });

  test('names an unknown key of the file with its path and a suggestion, together with every other problem', () => {
    writeFileSync(join(cwd, 'nightshift.yaml'), 'temporal:\n  prot: 1\n  uiPort: none\n');
    expect(() => load()).toThrow(
      `temporal.prot (${join(cwd, 'nightshift.yaml')}): unknown key; did you mean temporal.port?\n` +
        `  temporal.uiPort (${join(cwd, 'nightshift.yaml')}): must be a whole number from 1 to 65535, got "none"`,
    );
  });
});

test('is documented in docs/configuration.md (npx tsx build/write-config-docs.ts)', () => {
  const docs = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  expect(docs).toBe(renderConfigurationDocs());
});
