import { createHash } from 'node:crypto';

import { toFile } from 'openai';
import { expect, test } from 'vitest';

import { sweepOrphans } from '../../api/http/sweepOrphans.ts';
import { objectKeys } from '../../domain/names.ts';
import { addModel, readModel, removeModel } from '../../store/models.ts';
import { reclaiming } from '../../store/orphans.ts';
import { doublingNetwork, DOUBLING_PIPELINE } from '../support/smallModels.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const isStored = async (key: string) => (await api.ports.objects.head(key)) !== undefined;
const daysPass = (days: number) =>
  database.query(`update orphaned_objects set seen_real_at = seen_real_at - $1 * interval '1 day'`, [days]);

test('bytes that never got a name go after some days, and what is named stays', async () => {
  const file = await toFile(Buffer.from('{}'), 'in.jsonl');
  const { id } = await api.client.files.create({ file, purpose: 'batch' });
  const broken = objectKeys.file('file-broken');
  await api.ports.objects.put(broken, 'half');
  await sweepOrphans(api.ports);
  await daysPass(6);
  await sweepOrphans(api.ports);
  expect(await isStored(broken)).toBe(true);
  await daysPass(2);
  await sweepOrphans(api.ports);
  expect([await isStored(broken), await isStored(objectKeys.file(id))]).toEqual([false, true]);
});

async function published(): Promise<{ network: string; manifest: string }> {
  const network = doublingNetwork();
  const sha256 = createHash('sha256').update(network).digest('hex');
  const manifest = {
    name: 'doubling',
    version: '1',
    family: 'general',
    sha256,
    sizeBytes: network.length,
    requestUrl: '/v2/models/doubling/infer',
    pipeline: DOUBLING_PIPELINE,
  };
  const keys = { network: objectKeys.model(sha256), manifest: objectKeys.modelManifest('doubling', '1') };
  await api.ports.objects.put(keys.network, network);
  await api.ports.objects.put(keys.manifest, JSON.stringify(manifest));
  await addModel(database, { name: 'doubling', version: '1', family: 'general', sha256, manifest, tenantId: 'lab' });
  return keys;
}

test('the files of a model go some days after it was removed, unless it is added again', async () => {
  const { network, manifest } = await published();
  const remove = async (): Promise<void> => {
    const model = await readModel(database, 'lab', 'doubling');
    if (model) await removeModel(database, model);
    await sweepOrphans(api.ports);
  };
  await daysPass(100);
  await sweepOrphans(api.ports);
  expect(await isStored(network)).toBe(true);

  await remove();
  await daysPass(100);
  // Whoever adds it finds its files and names them; until then they must not go.
  expect(await reclaiming(database, api.ports.objects).head(network)).toBeDefined();
  await sweepOrphans(api.ports);
  expect(await isStored(network)).toBe(true);

  await published();
  await remove();
  await daysPass(100);
  await sweepOrphans(api.ports);
  expect([await isStored(network), await isStored(manifest)]).toEqual([false, true]);
});

test('while a model cannot be read, no file of any model goes', async () => {
  const { network } = await published();
  const model = await readModel(database, 'lab', 'doubling');
  if (!model) throw new Error('not added');
  await addModel(database, { ...model, name: 'odd', manifest: {} });
  await removeModel(database, model);
  await sweepOrphans(api.ports);
  await daysPass(100);
  await sweepOrphans(api.ports);
  expect(await isStored(network)).toBe(true);
});
