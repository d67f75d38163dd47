import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { OCR_MODEL } from '../../demo/work/ocrWork.ts';
import { modelManifestSchema, type ModelManifest } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { rolloutsSchema, type RolloutWire } from '../../api/wire/rollouts.ts';
import { RolloutClient } from '../../api/client/rolloutClient.ts';
import { addModel, readModel } from '../../store/models.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight } from './support/calmNight.ts';
import { comparable } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 3;
/** A roll-out is over within half a minute; on a busy computer it takes many times as long. */
const LIMIT_MS = 240_000;
const SPEC = {
  waves: [
    { share: 0.5, soak_hours: 0 },
    { share: 1, soak_hours: 0 },
  ],
  compare: { requests: REQUESTS },
  // Both versions share two busy cores with everything else here, so that their times say little.
  limits: { slower: 20, energy: 20 },
  download: { off_peak_only: false },
};

let stack: Stack;
let before: string;
beforeAll(async () => {
  // Slower than other nights: what takes long on a busy computer must not take a car hours of its night.
  stack = await Stack.start({ ...calmNight({ berlin: [{}, {}] }), scale: 60 });
  before = await stack.finished(await stack.submit(REQUESTS), LIMIT_MS);
}, LIMIT_MS + 120_000);
afterAll(() => stack?.remove(), 60_000);

/** Publishes a version of the night's model whose network is the same, with another dictionary where one is given. */
async function publish(version: string, dictionary?: (text: string) => string): Promise<void> {
  const present = await readModel(stack.database, DEFAULT_TENANT, OCR_MODEL);
  if (!present) throw new Error('the night has no model');
  const manifest = modelManifestSchema.parse(present.manifest);
  let changed: ModelManifest = { ...manifest, version };
  if (dictionary && manifest.pipeline.kind === 'image-ctc') {
    const text = (await stack.objects.get(objectKeys.modelAsset(manifest.pipeline.dictionarySha256))).toString('utf8');
    const bytes = Buffer.from(dictionary(text));
    const dictionarySha256 = createHash('sha256').update(bytes).digest('hex');
    await stack.objects.put(objectKeys.modelAsset(dictionarySha256), bytes);
    changed = { ...changed, pipeline: { ...manifest.pipeline, dictionarySha256 } };
  }
  await stack.objects.put(objectKeys.modelManifest(OCR_MODEL, version), JSON.stringify(changed));
  await addModel(stack.database, { ...present, version, manifest: changed });
}

async function ended(version: string): Promise<RolloutWire> {
  const client = new RolloutClient(await stack.api());
  return eventually(`the roll-out of ${version} ends`, LIMIT_MS, async () => {
    const found = (await client.list()).rollouts.find((rollout) => rollout.version === version);
    return found?.phase === 'ended' ? found : undefined;
  }).catch(async (cause: unknown) => {
    const lines = await stack.database.query(
      `select message from journal where kind in ('rollout', 'operator') order by seq`,
    );
    throw new Error(`${JSON.stringify((await client.list()).rollouts)}\n${JSON.stringify(lines)}`, { cause });
  });
}

const answering = async (): Promise<string | undefined> =>
  rolloutsSchema
    .parse(await (await stack.api()).json('GET', '/ops/v1/rollouts'))
    .models.find(({ model }) => model === OCR_MODEL)?.latest;

test(
  'a version that answers alike reaches the fleet in waves, and one that does not goes back by itself',
  { timeout: 4 * LIMIT_MS },
  async () => {
    const first = await answering();
    await publish('alike');
    // Published, and answering nobody yet.
    expect(await answering()).toBe(first);
    const client = new RolloutClient(await stack.api());
    await client.start(OCR_MODEL, 'alike', SPEC);
    const done = await ended('alike');
    expect(done.reasons).toEqual([]);
    expect(done).toMatchObject({
      outcome: 'completed',
      served_share: 1,
      cars: { target: 2, holding: 2 },
      last_comparison: { disagreement: 0 },
    });
    expect(await answering()).toBe('alike');
    expect(comparable(await stack.finished(await stack.submit(REQUESTS), LIMIT_MS))).toBe(
      comparable(before).replaceAll(`"model_version":"${first}"`, '"model_version":"alike"'),
    );

    // Every character stands for its neighbour in the dictionary.
    await publish('garbled', (text) => [...text.trimEnd().split('\n').slice(1), text.split('\n')[0]].join('\n') + '\n');
    await client.start(OCR_MODEL, 'garbled', SPEC);
    const running = await stack.submit(REQUESTS);
    const back = await ended('garbled');
    expect(back).toMatchObject({ outcome: 'rolled_back', served_share: 0, wave: 1, previous_version: 'alike' });
    expect(back.reasons).toMatchObject([{ code: 'rollout_disagreement', limit: 0.02 }]);
    expect(await answering()).toBe('alike');
    // What was submitted meanwhile is answered by the version that it began with.
    expect(comparable(await stack.finished(running, LIMIT_MS))).toContain('"model_version":"alike"');
    expect(await stack.command('rollout', 'list')).toContain('rolled_back');
    const [left] = await stack.database.query<{ cars: number }>('select count(*)::int as cars from rollout_cars');
    expect(left?.cars).toBe(0);
  },
);
