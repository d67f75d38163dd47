import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, expect, inject, test } from 'vitest';

import { openDatabase, type Database } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { administer } from '../support/testDatabase.ts';

let folder: string;
let name: string;
let database: Database;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-migrations-'));
  name = `migrate_${randomUUID().replaceAll('-', '')}`;
  await administer(inject('postgresUrl'), `create database ${name}`);
  database = openDatabase({ url: `${inject('postgresUrl')}/${name}` });
  await put('0001_cars.sql', 'create table cars (id text); create table owners (id text);');
});

afterEach(async () => {
  await database.close();
  await administer(inject('postgresUrl'), `drop database ${name} with (force)`);
  await rm(folder, { recursive: true });
});

const put = (file: string, sql: string): Promise<void> => writeFile(join(folder, file), sql);
const run = (): Promise<string[]> => migrate(database, { folder: pathToFileURL(`${folder}/`) });

test('runs new files in order, once', async () => {
  await put('0002_plugs.sql', 'alter table cars add column plug text;');
  await put('notes.txt', 'not a migration');
  expect(await run()).toEqual(['0001_cars.sql', '0002_plugs.sql']);
  expect(await run()).toEqual([]);
  await put('0003_more.sql', 'alter table cars add column more text;');
  expect(await run()).toEqual(['0003_more.sql']);
  expect(await database.query('select id, plug, more from cars')).toEqual([]);
});

test('processes that start together run each file once', async () => {
  const ran = await Promise.all([run(), run(), run()]);
  expect(ran.flat()).toEqual(['0001_cars.sql']);
});

test('refuses a file that was changed after it ran, and one that is gone', async () => {
  await run();
  await put('0001_cars.sql', 'create table cars (id integer);');
  await expect(run()).rejects.toMatchObject({ code: 'conflict', message: /0001_cars.sql.*was changed/ });
  await rm(join(folder, '0001_cars.sql'));
  await expect(run()).rejects.toMatchObject({ code: 'conflict', message: /0001_cars.sql.*is gone/ });
});

test('a release goes on beside the next one, and after it was given up, as long as that has only added', async () => {
  await put('0002_plugs.sql', 'alter table cars add column plug text; create table plugs (id text not null unique);');
  await run();
  await rm(join(folder, '0002_plugs.sql'));
  expect(await run()).toEqual([]);

  await put('0002_plugs.sql', 'alter table cars add column plug text; create table plugs (id text not null unique);');
  await put('0003_owners.sql', 'drop table owners;');
  await run();
  await rm(join(folder, '0003_owners.sql'));
  await expect(run()).rejects.toMatchObject({ code: 'conflict', message: /0003_owners.sql.*is gone/ });
});

test('a failing file leaves nothing behind, also of the files before it', async () => {
  await put('0002_broken.sql', 'create table half (id text); select nonsense;');
  await expect(run()).rejects.toThrow(/0002_broken.sql failed: column "nonsense" does not exist/);
  expect(await database.query(`select to_regclass('cars') as cars, to_regclass('half') as half`)).toEqual([
    { cars: null, half: null },
  ]);
});
