import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openDatabase, type Database } from '../../../store/database.ts';
import { readBalance } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { migrate } from '../../../store/migrate.ts';
import { administer } from '../../support/testDatabase.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../store/migrations/', import.meta.url));
const name = `test_forward_${process.pid}`;
let database: Database;
let folder = '';

beforeAll(async () => {
  await administer(inject('postgresUrl'), `create database ${name} template template0`);
  database = openDatabase({ url: `${inject('postgresUrl')}/${name}`, maxConnections: 2 });
  folder = await mkdtemp(join(tmpdir(), 'nightshift-migrations-'));
});
afterAll(async () => {
  await database.close();
  await administer(inject('postgresUrl'), `drop database ${name} with (force)`);
  await rm(folder, { recursive: true, force: true });
});

async function migrateUpTo(first: string): Promise<void> {
  for (const file of await readdir(MIGRATIONS)) if (file < first) await cp(join(MIGRATIONS, file), join(folder, file));
  await migrate(database, { folder: pathToFileURL(`${folder}/`) });
}

test('what owners had in the one-sided ledger is theirs in the new one, and work of before is booked once', async () => {
  await migrateUpTo('0180');
  await database.query(
    `insert into ledger (owner_id, vehicle_id, kind, reference, quantity, unit, amount_eur, booked_at) values
       ('ada', 'car-1', 'compute', 'job/b/shard/0', 0.1234567, 'kWh', 0.05555551, now()),
       ('ada', 'car-1', 'availability', 'session/car-1/1', 10, 'h', 0.2, now()),
       ('bob', 'car-2', 'availability', 'session/car-2/1', 0, 'h', 0, now())`,
  );
  await migrateUpTo('9999');
  expect(await readBalance(database, 'owner/ada')).toEqual(new Map([['EUR', 255_556]]));
  expect(await readBalance(database, 'margin')).toEqual(new Map([['EUR', -255_556]]));
  expect(await checkLedger(database)).toMatchObject({ bookings: 3, entries: 6, sums: { EUR: 0 }, faults: [] });
  const keys = await database.query<{ key: string }>('select key from ledger_bookings order by booking_id');
  expect(keys.map(({ key }) => key)).toEqual([
    'compute/job/b/shard/0/car-1',
    'availability/session/car-1/1/car-1',
    'availability/session/car-2/1/car-2',
  ]);
});
