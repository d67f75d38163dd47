import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../../../domain/searchAttributes.ts';
import { loadConfig, type Config } from '../../../../config/config.ts';
import { startPlatform, type Platform } from '../../../../worker/local/platform.ts';
import { openTemporalCache } from '../../../../worker/local/temporal/cache.ts';
import { registerSearchAttributes } from '../../../../worker/process/searchAttributes.ts';
import { targetOf } from '../../../../worker/local/temporal/target.ts';
import { prepareTemporal, temporalProcess } from '../../../../worker/local/temporal/temporalProcess.ts';
import { freePort } from '../../../support/freePorts.ts';
import { temporaryFolder } from './archiveServer.ts';

const stateDir = temporaryFolder();
const { cacheDir } = loadConfig({ env: { ...process.env, NIGHTSHIFT_CONFIG: '' }, cwd: stateDir });
const executable = await openTemporalCache(cacheDir, targetOf(process.platform, process.arch))
  .find()
  .catch(() => undefined);

describe.skipIf(executable === undefined)('the real server (skipped when no Temporal is in the cache)', () => {
  let config: Config;
  let platform: Platform;
  let connection: Connection;
  beforeAll(async () => {
    const env = {
      PATH: process.env.PATH,
      NIGHTSHIFT_STATE_DIR: stateDir,
      NIGHTSHIFT_TEMPORAL_EXECUTABLE: executable,
      NIGHTSHIFT_TEMPORAL_NAMESPACE: 'cell-7',
      NIGHTSHIFT_TEMPORAL_PORT: String(await freePort()),
      NIGHTSHIFT_TEMPORAL_UI_PORT: String(await freePort()),
    };
    config = loadConfig({ env, cwd: stateDir });
    platform = await startPlatform(config, { processes: [temporalProcess(config)] });
    connection = await Connection.connect(config.temporal.connection.options);
  });
  afterAll(async () => {
    await connection.close();
    await platform.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  test('keeps its state in files that are closed to others', () => {
    for (const name of ['temporal.db', 'temporal.db-wal', 'temporal.db-shm'])
      expect(statSync(join(stateDir, name)).mode & 0o777, name).toBe(0o600);
  });

  test('serves the user interface', async () => {
    const response = await fetch(`http://127.0.0.1:${config.temporal.uiPort}/`);
    expect(response.status).toBe(200);
  });

  test('knows our search attributes, and registering them again adds none', async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'cell-7' });
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
    expect(await registerSearchAttributes(connection, 'cell-7')).toEqual([]);
  });

  test('has them registered in a namespace that exists already', async () => {
    expect(await registerSearchAttributes(connection, 'default')).toEqual(Object.keys(SEARCH_ATTRIBUTES));
  });

  test('finds workflows by them, and keeps workflows over a kill -9', async () => {
    const client = new Client({ connection, namespace: 'cell-7' });
    const handle = await client.workflow.start('anyWorkflow', {
      taskQueue: 'nobody',
      workflowId: 'kept',
      typedSearchAttributes: [{ key: defineSearchAttributeKey('RegionId', 'KEYWORD'), value: 'north' }],
    });
    await vi.waitFor(async () => expect((await client.workflow.count(`RegionId = 'north'`)).count).toBe(1));
    platform.kill('temporal', 'SIGKILL');
    await platform.waitUntilReady();
    expect((await handle.describe()).status.name).toBe('RUNNING');
  });
});

test('says which server cannot be reached', async () => {
  const env = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` };
  const unreachable = prepareTemporal(loadConfig({ env, cwd: stateDir }));
  await expect(unreachable).rejects.toThrow(`The Temporal server at ${env.TEMPORAL_ADDRESS} cannot be reached`);
});
