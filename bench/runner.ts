/**
 * Samples/s of the car's path, from the activity to the stored part, against a bare onnxruntime-node loop on the same
 * inputs: one thread each, in turn, in processes started alike. The bare loop gets finished tensors and throws its
 * results away; the car's path decodes images, finds the text, stores parts and receipts. Goal: 0.95.
 *
 * Both processes have low priority, so on a machine with other work the wall clock mostly tells whom the scheduler let
 * wait. Where the kernel counts that wait (Linux), a second ratio leaves it out on both sides. It keeps everything that
 * the car's path costs: its computing, its idling, its set-up and its last write.
 *
 *     npm run bench:runner -- [--lines 200] [--rounds 7]
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { publishBundledModels } from '../inference/models/bundledModels.ts';
import { objectKeys } from '../domain/names.ts';
import { renderLine } from '../demo/glosses/lineRenderer.ts';
import { selectGlosses } from '../demo/glosses/selection.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import type { BareRequest } from './bareRunner.ts';
import { median } from './median.ts';
import { forkBare, openBenchCar } from './support/benchCar.ts';

const LINES_PER_PART = 25;
const SEED = 1;

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '200' }, rounds: { type: 'string', default: '7' } },
});
const lines = Number(values.lines);
const rounds = Number(values.rounds);

const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
const objects = createFileStore(join(folder, 'objects'));
const [manifest] = await publishBundledModels(objects, async () => {});
if (manifest === undefined) throw new Error('no model is bundled');
const { name, version, family, sha256 } = manifest;
const model = { name, version, family, sha256 };
const images = (await selectGlosses({ count: lines, seed: SEED })).map(({ text }) =>
  renderLine(text).toString('base64'),
);
const slice = images.map((image, index) =>
  JSON.stringify({
    custom_id: String(index),
    method: 'POST',
    url: manifest.requestUrl,
    body: { inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], data: [image] }] },
  }),
);
const inputKey = objectKeys.shardInput('bench', 0);
await objects.put(inputKey, `${slice.join('\n')}\n`);

const { runner, models, ...car } = openBenchCar(folder, objects);

const bare = await forkBare('bareRunner');
async function askBare(request: BareRequest): Promise<void> {
  bare.send(request);
  await once(bare, 'message');
}

interface Rate {
  readonly perSecond: number;
  /** Without the time in which the process was ready to run and another one had the core. */
  readonly uncontended: number;
}

async function measure(pid: () => number | undefined, work: () => Promise<unknown>): Promise<Rate> {
  const waitedBeforeMs = waitedForCoreMs(pid());
  const startedAt = performance.now();
  await work();
  const elapsedMs = performance.now() - startedAt;
  const waitedMs = waitedForCoreMs(pid()) - waitedBeforeMs;
  return { perSecond: (lines / elapsedMs) * 1_000, uncontended: (lines / (elapsedMs - waitedMs)) * 1_000 };
}

/** Since the process began, of its main thread, which computes; NaN where the kernel does not tell. */
function waitedForCoreMs(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

const runBare = (): Promise<unknown> => askBare({ type: 'run' });
const runCar = (round: number): Promise<unknown> =>
  car.run({
    jobId: `bench-${round}`,
    shard: 0,
    model,
    inputKey,
    lines,
    linesPerPart: LINES_PER_PART,
    deadlineMs: Number.MAX_SAFE_INTEGER,
  });

await askBare({ type: 'load', modelPath: (await models.open(model, objects)).modelPath, images });
await runBare();
await runCar(-1);
const ratios: number[] = [];
const uncontendedRatios: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const bareRate = await measure(() => bare.pid, runBare);
  const carRate = await measure(
    () => runner.pid,
    () => runCar(round),
  );
  const ratio = carRate.perSecond / bareRate.perSecond;
  const uncontendedRatio = carRate.uncontended / bareRate.uncontended;
  ratios.push(ratio);
  uncontendedRatios.push(uncontendedRatio);
  console.log(
    `round ${round + 1}: bare ${bareRate.perSecond.toFixed(1)} lines/s, car ${carRate.perSecond.toFixed(1)} lines/s, ` +
      `ratio ${ratio.toFixed(3)}, without waits for a core ${uncontendedRatio.toFixed(3)}`,
  );
}
console.log(
  `median ratio ${median(ratios).toFixed(3)}, without waits for a core ${median(uncontendedRatios).toFixed(3)}, ` +
    `over ${rounds} rounds of ${lines} lines (goal 0.95)`,
);

bare.kill();
await car.close();
await rm(folder, { recursive: true, force: true });
