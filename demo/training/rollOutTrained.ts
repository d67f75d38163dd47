import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import type { ApiClient } from '../../api/client/apiClient.ts';
import { BatchClient } from '../../api/client/batchClient.ts';
import { RolloutClient } from '../../api/client/rolloutClient.ts';
import { TrainingClient } from '../../api/client/trainingClient.ts';
import type { RolloutWire } from '../../api/wire/rollouts.ts';
import type { TrainingRunWire } from '../../api/wire/training.ts';
import { isFinalBatchStatus } from '../../domain/batches.ts';
import { inferEndpoint } from '../../domain/models.ts';
import { LABELS } from '../../training/losses.ts';

/** What answers requests once the demo is over. */
export const PUBLISHED_MODEL = 'glosses';

const LOOK_EVERY_REAL_MS = 500;
const ASKED = 16;
const SPEC = {
  waves: [
    { share: 0.25, soak_hours: 0 },
    { share: 1, soak_hours: 0 },
  ],
  // More training is to answer otherwise, and is wanted for it: only what answers most requests quite otherwise goes back.
  compare: { requests: ASKED, min_agreement: 0.5 },
  // Of a network this small, other processes of the computer decide what it takes.
  limits: { disagreement: 0.5, slower: 20, energy: 20 },
  download: { off_peak_only: false },
};

const exampleSchema = z.object({ input_ids: z.array(z.number()), [LABELS]: z.number() });
const answerSchema = z.object({ model_version: z.string(), outputs: z.array(z.object({ data: z.array(z.number()) })) });

export interface RolledOut {
  readonly rollout: RolloutWire;
  /** Of the requests that were asked afterwards: how many were answered by the version, and how many were right. */
  readonly answered: number;
  readonly right: number;
  readonly asked: number;
}

/**
 * Publishes the weights of half the rounds, which answer a batch of real requests, then those of all rounds, which reach
 * the fleet by a roll-out; then asks the model what the glosses are that were held back.
 */
export async function rollOutTrained(
  api: ApiClient,
  { id, rounds }: TrainingRunWire,
  { version, test, stateDir, signal }: { version: string; test: string; stateDir: string; signal: AbortSignal },
): Promise<RolledOut> {
  const trainings = new TrainingClient(api);
  const halfWay = Math.max(1, Math.floor(rounds.length / 2));
  // A demo before this one has left a version that answers: this one goes beside it.
  await trainings.publish(id, { name: PUBLISHED_MODEL, version: `${version}-half`, weights_version: halfWay });
  const examples = test
    .trimEnd()
    .split('\n')
    .slice(0, ASKED)
    .map((line) => exampleSchema.parse(JSON.parse(line)));
  await answerBatch(api, examples.map(bodyOf), stateDir, signal);
  await trainings.publish(id, { name: PUBLISHED_MODEL, version });
  const rollouts = new RolloutClient(api);
  await rollouts.start(PUBLISHED_MODEL, version, SPEC);
  const rollout = await until(signal, async () =>
    (await rollouts.list()).rollouts.find((each) => each.version === version && each.outcome !== null),
  );
  let [answered, right] = [0, 0];
  for (const example of examples) {
    const answer = answerSchema.parse(await api.json('POST', inferEndpoint(PUBLISHED_MODEL), bodyOf(example)));
    const logits = answer.outputs[0]?.data ?? [];
    answered += Number(answer.model_version === version);
    right += Number(logits.indexOf(Math.max(...logits)) === example[LABELS]);
  }
  return { rollout, answered, right, asked: examples.length };
}

function bodyOf({ input_ids: ids }: z.output<typeof exampleSchema>) {
  return { inputs: [{ name: 'input_ids', datatype: 'INT64', shape: [1, ids.length], data: ids }] };
}

async function answerBatch(
  api: ApiClient,
  bodies: readonly unknown[],
  stateDir: string,
  signal: AbortSignal,
): Promise<void> {
  const endpoint = inferEndpoint(PUBLISHED_MODEL);
  const lines = bodies.map((body, index) =>
    JSON.stringify({ custom_id: `${index}`, method: 'POST', url: endpoint, body }),
  );
  const file = join(stateDir, 'glosses.jsonl');
  await writeFile(file, `${lines.join('\n')}\n`);
  const batches = new BatchClient(api);
  const request = { input_file_id: await batches.upload(file), endpoint, completion_window: '24h', metadata: {} };
  const { id } = await batches.submit(request);
  await until(signal, async () => {
    const { status } = await batches.read(id);
    return isFinalBatchStatus(status) || undefined;
  });
}

async function until<Found>(signal: AbortSignal, look: () => Promise<Found | undefined>): Promise<Found> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(LOOK_EVERY_REAL_MS, undefined, { signal });
  }
}
