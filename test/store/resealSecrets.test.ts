import { beforeAll, expect, test } from 'vitest';

import { taskTokensWith } from '../../api/gateway/taskTokens.ts';
import type { OpenAdrSettings } from '../../domain/openAdr.ts';
import { bankHolders, readBankAccounts, setBankAccount } from '../../store/bankAccounts.ts';
import { openSecrets, readConnection, upsertConnection } from '../../store/openAdrConnections.ts';
import { resealSecrets } from '../../store/resealSecrets.ts';
import { sealWith } from '../../store/seal.ts';
import { sliceSignerWith } from '../../store/sliceAccess.ts';
import { linkTeslaAccount, readTeslaTokens } from '../../store/teslaCars.ts';
import { insertWebhookEndpoint, listWebhookEndpoints, openWebhookSecret } from '../../store/webhookEndpoints.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const OLD = 'the key that somebody who left has known';
const NEW = 'the key that nobody but us knows';
type Ring = readonly [key: string, ...previous: string[]];
const before = sealWith(OLD);
const during = sealWith(NEW, OLD);
const after = sealWith(NEW);

const ACCOUNT = { name: 'Ada Lovelace', iban: 'DE89370400440532013000', bic: 'COBADEFFXXX' };
const holder = bankHolders.owner('ada');
const SECRETS = { client: { id: 'ven', secret: 'of the utility' }, callbackToken: 'ours' };

beforeAll(async () => {
  await enrolFleet(database, ['car-1']);
  const [region] = await database.query<{ id: string }>('select id from regions limit 1');
  await upsertConnection(database, {
    id: 'utility',
    settings: { regionId: region?.id } as OpenAdrSettings,
    sealed: before.seal(JSON.stringify(SECRETS), 'utility'),
  });
  await linkTeslaAccount(database, before, { id: 'ada', cellId: CELL.id, tokens: '{"refresh":"r"}' });
  await setBankAccount(database, before, holder, ACCOUNT);
  const endpoints = [
    ['we_sealed', before.seal('whsec_sealed', 'we_sealed')],
    ['we_plain', 'whsec_plain'],
    ['we_lost', sealWith('a key that nobody has any more').seal('whsec_lost', 'we_lost')],
  ] as const;
  for (const [id, sealedSecret] of endpoints) {
    await insertWebhookEndpoint(database, { id, tenantId: 'lab', url: `https://hooks.example/${id}`, sealedSecret });
  }
});

test('seals every secret with the present key, names what no key opens, and may run again', async () => {
  for (const run of ['first', 'again']) {
    expect(await resealSecrets(database, during), run).toEqual([
      { table: 'openadr_connections', resealed: 1, unreadable: [] },
      { table: 'webhook_endpoints', resealed: 2, unreadable: ['we_lost'] },
      { table: 'tesla_accounts', resealed: 1, unreadable: [] },
      { table: 'bank_accounts', resealed: 1, unreadable: [] },
    ]);
  }
  const connection = await readConnection(database, 'utility');
  expect(connection && openSecrets(after, connection)).toMatchObject(SECRETS);
  expect(await readTeslaTokens(database, after, 'ada')).toBe('{"refresh":"r"}');
  expect(await readBankAccounts(database, after, [holder])).toEqual(new Map([[holder, ACCOUNT]]));
  const [lost, plain, sealed] = await listWebhookEndpoints(database, 'lab');
  expect(sealed && openWebhookSecret(after, sealed)).toBe('whsec_sealed');
  expect(plain?.sealedSecret.startsWith('whsec_')).toBe(false);
  expect(plain && openWebhookSecret(after, plain)).toBe('whsec_plain');
  expect(() => lost && openWebhookSecret(after, lost)).toThrow('we_lost were sealed with another key');
});

test('every column of the schema that says that it is sealed is one of those', async () => {
  const columns = await database.query<{ table: string }>(
    `select table_name as "table" from information_schema.columns
     where table_schema = 'public' and (column_name = 'sealed' or column_name = 'secret') order by 1`,
  );
  const results = await resealSecrets(database, during);
  expect(results.map(({ table }) => table).toSorted()).toEqual(columns.map(({ table }) => table));
});

test('cars keep their tokens over the change, in both directions of a rolling restart', () => {
  const scope = {
    jobId: 'batch_1',
    shard: 3,
    model: { name: 'm', version: '1', sha256: 'f'.repeat(64) },
    expiresRealMs: 2_000,
  };
  const token = Uint8Array.of(1, 2, 3);
  const rings: readonly (readonly [Ring, Ring])[] = [
    [[OLD], [NEW, OLD]],
    [
      [NEW, OLD],
      [OLD, NEW],
    ],
  ];
  for (const [from, to] of rings) {
    expect(sliceSignerWith(...to).read(sliceSignerWith(...from).sign(scope), 1_000)).toEqual(scope);
    const opened = taskTokensWith(...to).open('car-1', taskTokensWith(...from).seal('car-1', token));
    expect([...(opened ?? [])]).toEqual([...token]);
  }
  expect(() => sliceSignerWith(NEW).read(sliceSignerWith(OLD).sign(scope), 1_000)).toThrow('not one of ours');
  expect(taskTokensWith(NEW).open('car-1', taskTokensWith(OLD).seal('car-1', token))).toBeUndefined();
});
