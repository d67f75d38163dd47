import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { linesOf } from '../../domain/batchInput.ts';
import { DAY_MS } from '../../domain/durations.ts';
import { parseJson } from '../../domain/json.ts';
import type { TrainingPipeline } from '../../domain/models.ts';
import { keptPartySchema, type KeptParty } from '../../domain/ownData.ts';
import { messageOf } from '../../domain/thrown.ts';
import { seededRandom } from '../../domain/random.ts';
import type { OwnTask, TrainingTask } from '../../domain/training.ts';
import { BadRequest } from '../../inference/runner/openInference.ts';
import { BadExample, dataOf, readExampleFile } from '../../training/examples.ts';
import type { LocalState } from '../../training/localSteps.ts';
import { shuffled } from '../../training/random.ts';
import { stateOf, stateText } from '../../training/unfinished.ts';

const MAX_FILE_BYTES = 256 * 1024 ** 2;
/** A round is over long before. */
const KEPT_FOR_MS = 7 * DAY_MS;

/**
 * What a car offers to train on, and what it keeps of rounds: the examples stay in the folder that its owner has set,
 * the rest in a folder of the agent's that only the agent reads. Neither is ever stored elsewhere.
 */
export class OwnData {
  readonly #offered: string | undefined;
  readonly #kept: string;

  /** @param offered a folder of files `DATASET.jsonl`; undefined: the car offers nothing */
  constructor(offered: string | undefined, kept: string) {
    this.#offered = offered;
    this.#kept = kept;
  }

  /** Those examples that the task's steps take. @throws BadRequest when the car has none, or cannot read them */
  async examples(task: OwnTask, pipeline: TrainingPipeline): Promise<TrainingTask['data']> {
    if (this.#offered === undefined) throw refused('This car offers no data of its own.');
    const file = join(this.#offered, `${task.own_data}.jsonl`);
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) throw refused(`This car has no data set "${task.own_data}".`);
    if (size > MAX_FILE_BYTES) throw refused(`The data set has more than ${MAX_FILE_BYTES} bytes.`);
    try {
      const set = await readExampleFile(linesOf(createReadStream(file)), pipeline);
      const perStep = pipeline.inputs[0]?.shape[0] ?? 1;
      const order = shuffled(set.count, seededRandom(task.seed));
      return dataOf(set, [...order.subarray(0, task.steps * perStep)]);
    } catch (error) {
      // What a line holds must not be in a message that leaves the car; where it is wrong may.
      if (error instanceof BadExample) throw refused(`The data set cannot be read: ${placeOf(error)}`);
      throw error;
    }
  }

  /** The steps that this car has taken for the task, whose request changes with every phase but this one. */
  async readSteps(jobId: string): Promise<LocalState | undefined> {
    return stateOf(await this.#read(`${jobId}.steps.json`))?.state;
  }

  async writeSteps(jobId: string, state: LocalState): Promise<void> {
    await this.#write(`${jobId}.steps.json`, stateText(0, state));
  }

  async removeSteps(jobId: string): Promise<void> {
    await rm(join(this.#kept, `${jobId}.steps.json`), { force: true });
  }

  async readParty(round: string): Promise<KeptParty | undefined> {
    return keptPartySchema.safeParse(parseJson(await this.#read(partyFile(round)))).data;
  }

  async writeParty(round: string, party: KeptParty): Promise<void> {
    await this.#removeOld();
    await this.#write(partyFile(round), JSON.stringify(party));
  }

  async removeParty(round: string): Promise<void> {
    await rm(join(this.#kept, partyFile(round)), { force: true });
  }

  async #read(name: string): Promise<string> {
    return readFile(join(this.#kept, name), 'utf8').catch(() => '');
  }

  /** On disk before it counts: after a loss of power, a party must not show up with another seed. */
  async #write(name: string, text: string): Promise<void> {
    await mkdir(this.#kept, { recursive: true, mode: 0o700 });
    const file = join(this.#kept, name);
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    const handle = await open(`${file}.new`, 'r');
    await handle.sync();
    await handle.close();
    await rename(`${file}.new`, file);
  }

  async #removeOld(): Promise<void> {
    for (const name of await readdir(this.#kept).catch(() => [])) {
      const file = join(this.#kept, name);
      const changedMs = await stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - changedMs > KEPT_FOR_MS) await rm(file, { force: true });
    }
  }
}

function partyFile(round: string): string {
  return `${createHash('sha256').update(round).digest('hex').slice(0, 32)}.party.json`;
}

function refused(message: string): BadRequest {
  return new BadRequest('own_data', 'own_data', message);
}

function placeOf(error: BadExample): string {
  return /^Line \d+/.exec(messageOf(error))?.[0] ?? 'it has no examples';
}
