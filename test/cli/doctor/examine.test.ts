import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pino } from 'pino';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Broker } from '../../../api/mqtt/broker.ts';
import { openBroker } from '../../support/openBroker.ts';
import { loadConfig } from '../../../config/config.ts';
import { examine } from '../../../cli/doctor/examine.ts';
import { testGateway, type TestGateway } from '../../api/gateway/support/testGateway.ts';
import { useApi } from '../../api/apiHarness.ts';
import { startTemporal } from '../../support/temporal.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { temporaryFolder } from '../../worker/local/supervisor/scripts.ts';
import { freePort } from '../../support/freePorts.ts';

const { database, url } = useTestDatabase();
const api = useApi(database);
const cwd = temporaryFolder();
let temporal: TestWorkflowEnvironment;
let broker: Broker;
let gateway: TestGateway;

beforeAll(async () => {
  temporal = await startTemporal();
  broker = await openBroker(pino({ level: 'silent' }));
  gateway = await testGateway({ target: temporal.address, vehicleIds: [] });
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await broker?.close();
  await temporal?.teardown();
});

function healthy(): NodeJS.ProcessEnv {
  return {
    TEMPORAL_ADDRESS: temporal.address,
    DATABASE_URL: url,
    MQTT_URL: broker.url,
    NIGHTSHIFT_API_PORT: new URL(api.server.url).port,
    NIGHTSHIFT_GATEWAY_PORT: String(gateway.port),
  };
}

async function wrongWith(change: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const findings = await examine(loadConfig({ env: { ...healthy(), ...change }, cwd }));
  const wrong = findings.filter(({ ok }) => !ok);
  for (const { mend } of wrong) expect(mend).toBeTruthy();
  return Object.fromEntries(wrong.map(({ what, found }) => [what, found]));
}

describe('nightshift doctor', () => {
  test('finds nothing wrong with a cell that stands', async () => {
    const findings = await examine(loadConfig({ env: healthy(), cwd }));
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.map(({ what }) => what)).toEqual([
      'Temporal',
      'namespace',
      'search attributes',
      'database',
      'clock',
      'broker',
      'objects',
      'API',
      'gateway',
      'doors of cars',
      'keys',
    ]);
  }, 30_000);

  test('says of each part that is not there that it is that part', async () => {
    const nobody = await freePort();
    const wrong = await wrongWith({
      MQTT_URL: `mqtt://127.0.0.1:${nobody}`,
      NIGHTSHIFT_API_PORT: String(nobody),
      NIGHTSHIFT_GATEWAY_PORT: String(nobody),
      TEMPORAL_NAMESPACE: 'nowhere',
    });
    expect(Object.keys(wrong)).toEqual(['namespace', 'search attributes', 'broker', 'API', 'gateway']);
  }, 30_000);

  test('says of a database that does not answer nothing more than that', async () => {
    const nobody = await freePort();
    const wrong = await wrongWith({ DATABASE_URL: `postgres://me@127.0.0.1:${nobody}/nightshift` });
    expect(Object.keys(wrong)).toContain('database');
    expect(Object.keys(wrong)).not.toContain('clock');
  }, 30_000);

  test('says which addresses cars cannot use, and that keys would cross the network in the clear', async () => {
    const nowhere = await wrongWith({ NIGHTSHIFT_GATEWAY_HOST: '0.0.0.0' });
    expect(nowhere['doors of cars']).toContain('an address to listen on');
    const clear = await wrongWith({
      NIGHTSHIFT_GATEWAY_HOST: '0.0.0.0',
      NIGHTSHIFT_GATEWAY_ADDRESS: `127.0.0.1:${gateway.port}`,
    });
    expect(clear['doors of cars']).toContain('without TLS');
  }, 30_000);

  test('names the migrations that are to be applied', async () => {
    await database.query(`delete from schema_migrations where name = '0101_enrolment.sql'`);
    expect((await wrongWith({}))['database']).toBe('1 migrations are to be applied: 0101_enrolment.sql');
  }, 30_000);
});
