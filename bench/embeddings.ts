/**
 * Live embeddings/s through HTTP against the bare runner on the same inputs, in turn. Goal: 0.8 at batch 32.
 *
 *     npm run bench:embeddings -- [--requests 300] [--batch 32] [--rounds 5]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { childEntry } from '../inference/childEntry.ts';
import { ModelCache } from '../inference/modelCache.ts';
import { Runner } from '../inference/runner/runner.ts';
import { buildLsa } from '../inference/lsa/buildLsa.ts';
import { readSynsets } from '../inference/lsa/wordNet.ts';
import { LSA_MODEL, publishLsa } from '../inference/lsa/lsaModel.ts';
import { openDatabase } from '../store/database.ts';
import { addModel } from '../store/models.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import { createLiveExecutor } from '../inference/liveExecutor.ts';
import type { ClientRequest } from './embeddingsClient.ts';
import { median } from './median.ts';
import { BENCH_KEY, startBenchApi } from './support/benchApi.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';

/** Requests under way at once, on both sides. */
const AT_ONCE = 8;
/** Vocabulary does not change the speed; a small one is built in a moment. */
const WORDS = 2_000;
const DIMENSIONS = 128;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '300' },
    batch: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '5' },
  },
});
const requests = Number(values.requests);
const batch = Number(values.batch);

const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-embeddings-'));
const temporary = await temporaryDatabase();
const database = openDatabase({ url: temporary.url });
const objects = createFileStore(join(folder, 'objects'));
const synsets = await readSynsets();
const lsa = buildLsa(synsets.slice(0, 10_000), { words: WORDS, dimensions: DIMENSIONS });
const manifest = await publishLsa(
  objects,
  (model) => addModel(database, { ...model, tenantId: null }),
  lsa,
  DIMENSIONS,
);
const bodies = Array.from({ length: requests }, (_, index) => ({
  model: LSA_MODEL,
  input: Array.from({ length: batch }, (_, offset) => synsets[(index * batch + offset) % synsets.length] ?? 'x'),
  encoding_format: 'base64',
}));

const runner = new Runner();
const model = await new ModelCache(join(folder, 'models')).open(manifest, objects);
const live = createLiveExecutor({ folder: join(folder, 'live'), objects });
const server = await startBenchApi(database, objects, live);

const bare = (body: (typeof bodies)[number]): Promise<unknown> => runner.run(model, [body]);
const entry = childEntry(import.meta.url, 'embeddingsClient');
const client = fork(entry.modulePath, [], { execArgv: [...entry.execArgv] });
/** A process of its own: what a caller's computer does is not the server's work. */
async function httpPerSecond(): Promise<number> {
  const request: ClientRequest = { url: `${server.url}/v1/embeddings`, key: BENCH_KEY, bodies, atOnce: AT_ONCE };
  client.send(request);
  const [realMs]: number[] = await once(client, 'message');
  return (requests * batch) / ((realMs ?? 1) / 1000);
}

async function barePerSecond(): Promise<number> {
  const startMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) await bare(body);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return (requests * batch) / ((performance.now() - startMs) / 1000);
}

await barePerSecond();
await httpPerSecond();
const ratios: number[] = [];
for (let round = 1; round <= Number(values.rounds); round++) {
  const bareRate = await barePerSecond();
  const httpRate = await httpPerSecond();
  ratios.push(httpRate / bareRate);
  console.log(
    `round ${round}: runner ${bareRate.toFixed(0)}/s, HTTP ${httpRate.toFixed(0)}/s, ratio ${(httpRate / bareRate).toFixed(3)}`,
  );
}
console.log(`median ratio ${median(ratios).toFixed(3)} at batch ${batch} (goal 0.8)`);
client.kill();
await server.close();
await live.close();
await runner.stop();
await database.close();
await temporary.stop();
await rm(folder, { recursive: true, force: true });
