import { objectKeys, unfinishedOfKey } from '../../domain/names.ts';
import type { RunShardInput } from '../../domain/shards.ts';
import type { LocalState } from '../../training/localSteps.ts';
import { stateOf, stateText } from '../../training/unfinished.ts';
import type { PartStore } from './ports.ts';

type ShardOf = Pick<RunShardInput, 'jobId' | 'shard'>;

/**
 * The state of a line with most steps that any car has left. It is what that car says: the answer is checked as a whole.
 */
export async function readUnfinishedTraining(
  objects: Pick<PartStore, 'get' | 'list'>,
  { jobId, shard }: ShardOf,
  line: number,
  weights: number,
): Promise<LocalState | undefined> {
  const keys = await objects.list(objectKeys.unfinishedPrefix(jobId, shard));
  for (const key of keys.toSorted().toReversed()) {
    const found = stateOf((await objects.get(key)).toString('utf8'));
    if (found?.line !== line || found.state.step !== unfinishedOfKey(key)?.tokens) continue;
    const lists = [found.state.weights, ...found.state.moments];
    if (lists.every(({ length }) => length === weights)) return found.state;
  }
  return undefined;
}

/** The newest state of a client's steps, stored now and then for the case that the car vanishes, and when it has to go. */
export class KeptSteps {
  readonly #write: (state: LocalState) => Promise<void>;
  readonly #everyMs: number;
  #newest: LocalState | undefined;
  #storedStep = 0;
  #storedAtMs = performance.now();
  #writing: Promise<void> = Promise.resolve();

  constructor(objects: Pick<PartStore, 'put'>, shard: ShardOf, vehicleId: string, line: number, everyMs: number) {
    const { jobId, shard: number } = shard;
    this.#write = (state) =>
      objects.put(objectKeys.unfinished(jobId, number, state.step, vehicleId), stateText(line, state));
    this.#everyMs = everyMs;
  }

  reached(state: LocalState): void {
    this.#newest = state;
    if (performance.now() - this.#storedAtMs < this.#everyMs) return;
    // A store out of reach is tried again the next time.
    void this.store().catch(() => {});
  }

  /** One write after the other. */
  store(): Promise<void> {
    this.#storedAtMs = performance.now();
    this.#writing = this.#writing
      .catch(() => {})
      .then(async () => {
        const state = this.#newest;
        if (!state || state.step === this.#storedStep) return;
        await this.#write(state);
        this.#storedStep = state.step;
      });
    return this.#writing;
  }
}
