import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';

import { backUp } from '../../store/backup/backUp.ts';
import { restore } from '../../store/backup/restore.ts';
import { insertBatch, listUnstartedBatches, markJobStarted, moveBatch } from '../../store/batches.ts';
import { openDatabase, type Database } from '../../store/database.ts';
import { insertFile } from '../../store/files.ts';
import { appendJournal, readJournal } from '../../store/journal.ts';
import { recordMeterReadings } from '../../store/meters.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { administer, useTestDatabase } from '../support/testDatabase.ts';

const { url, database } = useTestDatabase();
let folder: string;
let newName: string;
let newUrl: string;
let restored: Database;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-backup-'));
  await enrolFleet(database, ['car-1', 'car-2']);
  await recordMeterReadings(database, CELL, [
    { vehicleId: 'car-1', atMs: 1_767_300_000_000, chargingKwh: 0, computeKwh: 0 },
    { vehicleId: 'car-1', atMs: 1_767_303_600_000, chargingKwh: 2.5, computeKwh: 0.25 },
  ]);
  await journal(database, 'before the backup; with\ttab, \\ and "quotes"');
  for (const id of ['batch-open', 'batch-done']) {
    await insertFile(database, {
      id: `file-${id}`,
      filename: 'in.jsonl',
      purpose: 'batch',
      bytes: 3,
      objectKey: id,
      lifeSeconds: null,
    });
    await insertBatch(database, {
      id,
      endpoint: '/v1/embeddings',
      inputFileId: `file-${id}`,
      completionWindow: '24h',
      metadata: { note: 'snö' },
      outputExpiresAfterSeconds: null,
      deadlineMs: 2_000,
      submittedAtMs: 1_000,
      idempotencyKey: null,
      requestHash: id,
    });
    await markJobStarted(database, id);
  }
  await moveBatch(database, 'batch-done', ['validating'], 'failed');
  await objects().put('batches/batch-open/shards/0', 'a line\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  newName = `restored_${randomUUID().replaceAll('-', '')}`;
  newUrl = `${inject('postgresUrl')}/${newName}`;
  await administer(inject('postgresUrl'), `create database ${newName}`);
  restored = openDatabase({ url: newUrl, maxConnections: 2 });
});
afterEach(async () => {
  await restored.close();
  await administer(inject('postgresUrl'), `drop database ${newName} with (force)`);
});

const objects = () => createFileStore(join(folder, 'objects'));
const journal = (into: Database, message: string) =>
  appendJournal(into, CELL.id, [{ atMs: 1_767_300_000_000, kind: 'fallback', subject: 'car-1', message }]);

async function backedUp(): Promise<string> {
  const to = join(folder, randomUUID());
  await backUp({ databaseUrl: url, objects: objects(), folder: createFileStore(to), onProgress: () => undefined });
  return to;
}

const restoreFrom = (from: string, into = join(folder, randomUUID())) =>
  restore({
    databaseUrl: newUrl,
    objects: createFileStore(into),
    folder: createFileStore(from),
    onProgress: () => undefined,
  });

async function contents(of: Database): Promise<Record<string, unknown>> {
  const tables = await of.query<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`,
  );
  const found: Record<string, unknown> = {};
  for (const { name } of tables) {
    // Of migrations, when they ran is another time; of batches, whether the job runs is told below.
    const but = `- 'ran_real_at' - 'job_started_real_at'`;
    const rows = await of.query<{ row: unknown }>(`select to_jsonb(t) ${but} as row from "${name}" t order by 1`);
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}

test('everything comes back, open jobs begin anew, and what is numbered goes on after the last number', async () => {
  const from = await backedUp();
  await journal(database, 'after the backup');
  const into = join(folder, 'objects-restored');
  const manifest = await restoreFrom(from, into);
  await database.query(`delete from journal where message = 'after the backup'`);

  expect(await contents(restored)).toEqual(await contents(database));
  expect(manifest.tables.length).toBeGreaterThan(20);
  expect((await createFileStore(into).get('batches/batch-open/shards/0')).toString()).toBe('a line\n');
  expect(await listUnstartedBatches(restored, CELL.id)).toEqual(['batch-open']);
  await journal(restored, 'after the restore');
  const messages = (await readJournal(restored, CELL.id, 0, 10)).map(({ message }) => message);
  expect(messages).toContain('after the restore');
});

test('a damaged backup is refused by its file, and the database is as new as before', async () => {
  const from = await backedUp();
  await appendFile(join(from, 'tables', 'journal.copy'), 'x');
  await expect(restoreFrom(from)).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('tables/journal.copy'),
  });
  await restoreFrom(await backedUp());
});

test('one that was broken off, one of a later release, and a database in use are refused', async () => {
  const from = await backedUp();
  const store = createFileStore(from);
  const manifest = (await store.get('manifest.json')).toString('utf8');

  await store.put('manifest.json', manifest.replace('"0001_init.sql"', '"0001_init.sql","9999_later.sql"'));
  await expect(restoreFrom(from)).rejects.toThrow(/later release: it has 9999_later.sql/);
  await store.delete('manifest.json');
  await expect(restoreFrom(from)).rejects.toThrow(/no manifest.json/);
  await store.put('manifest.json', '{"format": 1}');
  await expect(restoreFrom(from)).rejects.toThrow(/manifest.json: format/);

  await restored.query('create table mine (id text)');
  await expect(restoreFrom(await backedUp())).rejects.toThrow(/has tables already/);
  expect(await restored.query('select * from mine')).toEqual([]);
});

test('a backup is not written over another one', async () => {
  const to = await backedUp();
  const again = backUp({
    databaseUrl: url,
    objects: objects(),
    folder: createFileStore(to),
    onProgress: () => undefined,
  });
  await expect(again).rejects.toMatchObject({ code: 'conflict' });
});
