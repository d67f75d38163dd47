import { expect, test } from 'vitest';

import { instant, openDatabase } from '../../store/database.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();

test('numbers come back as numbers and instants as epoch milliseconds', async () => {
  const atMs = Date.UTC(2026, 0, 31, 23, 59, 59, 123);
  const rows = await database.query(
    `select 1.25::numeric as price, 12345678901::bigint as bytes, $1::timestamptz as "atMs", null::numeric as none`,
    [instant(atMs)],
  );
  expect(rows).toEqual([{ price: 1.25, bytes: 12_345_678_901, atMs, none: null }]);
});

test('a transaction that throws leaves nothing behind, and an inner one joins it', async () => {
  await database.query('create table marks (id integer)');
  const failing = database.transaction(async (tx) => {
    await tx.transaction((inner) => inner.query('insert into marks values (1)'));
    throw new Error('stop');
  });
  await expect(failing).rejects.toThrow('stop');
  expect(await database.query('select id from marks')).toEqual([]);
  await database.transaction((tx) => tx.query('insert into marks values (2)'));
  expect(await database.query('select id from marks')).toEqual([{ id: 2 }]);
});

test('a server that does not answer is `unavailable`, and the pool recovers from a killed connection', async () => {
  const absent = openDatabase({ url: 'postgres://nobody:x@127.0.0.1:1/none' });
  await expect(absent.query('select 1')).rejects.toMatchObject({ code: 'unavailable' });
  await absent.close();

  const killed = database.transaction(async (tx) => {
    const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
    await database.query('select pg_terminate_backend($1)', [row?.pid]);
    await tx.query('select 1');
  });
  await expect(killed).rejects.toMatchObject({ code: 'unavailable' });
  expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
});
