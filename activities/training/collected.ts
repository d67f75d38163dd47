import { randomBytes } from 'node:crypto';

import { parseAnswerLine } from '../../domain/batchLines.ts';
import { trainingUpdateSchema, type TrainingPlan } from '../../domain/training.ts';
import type { AcceptedPart } from '../../store/acceptedShards.ts';
import { readAnsweredLines } from '../../store/answeredLines.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { floatsFromBase64 } from '../../training/floats.ts';
import { clip } from '../../training/localSteps.ts';
import { addNoise } from '../../training/privacy.ts';
import { normal } from '../../training/random.ts';
import { aggregate, UpdateMean, type WeighedUpdate } from '../../training/strategies/aggregate.ts';

export interface ClientUpdate {
  readonly update: Float32Array;
  readonly examples: number;
  readonly steps: number;
  readonly loss: number;
  /** With fewer steps than were asked for. */
  readonly isPartial: boolean;
  readonly bytes: number;
}

/** What a round has come to, before it becomes weights. */
export interface Gathered {
  readonly updates: number;
  readonly partial: number;
  readonly examples: number;
  readonly steps: number;
  readonly bytes: number;
  readonly loss: number | null;
  /** Undefined where too few updates are there. */
  readonly change: Float32Array | undefined;
}

/** Updates as they are taken in, one after the other. */
export class Collected {
  readonly #plan: TrainingPlan;
  readonly #mean: UpdateMean;
  readonly #length: number;
  readonly #kept: WeighedUpdate[] = [];
  /** Of updates whose clients began with older weights (Nguyen et al. 2022). */
  readonly #discount: number;
  updates = 0;
  partial = 0;
  examples = 0;
  steps = 0;
  bytes = 0;
  #lossSum = 0;

  constructor(plan: TrainingPlan, length: number, staleness: number) {
    this.#plan = plan;
    this.#length = length;
    this.#mean = new UpdateMean(length);
    this.#discount = 1 / Math.sqrt(1 + staleness);
  }

  get loss(): number | null {
    return this.updates === 0 ? null : this.#lossSum / this.updates;
  }

  add({ update, examples, steps, loss, isPartial, bytes }: ClientUpdate): void {
    const { aggregation, privacy, clip_norm, strategy, local_steps } = this.#plan;
    // Also of cars that did not: what one client changes is bounded whatever it says.
    const norm = privacy?.clip_norm ?? clip_norm;
    if (norm !== undefined) clip(update, norm);
    const asked = strategy.kind === 'fedsgd' ? 1 : local_steps;
    // With noise, each client counts alike: the noise is as large as one of them.
    const weight = privacy ? 1 : examples * (steps / asked);
    if (aggregation.kind === 'mean') this.#mean.add({ update, weight });
    else this.#kept.push({ update, weight });
    this.updates += 1;
    this.partial += Number(isPartial);
    this.examples += examples;
    this.steps += steps;
    this.bytes += bytes;
    this.#lossSum += loss;
  }

  gathered(): Gathered {
    const { updates, partial, examples, steps, bytes, loss } = this;
    const counts = updates >= this.#plan.min_updates;
    return { updates, partial, examples, steps, bytes, loss, change: counts ? this.#aggregated() : undefined };
  }

  #aggregated(): Float32Array {
    const { aggregation, privacy } = this.#plan;
    const update = aggregation.kind === 'mean' ? this.#mean.mean : aggregate(aggregation, this.#kept, this.#length);
    if (privacy) addNoise(update, privacy, this.updates, secretNormal);
    return this.#discount === 1 ? update : update.map((each) => each * this.#discount);
  }
}

/** Nobody can predict it. */
function secretNormal(): number {
  return normal(() => randomBytes(6).readUIntBE(0, 6) / 2 ** 48);
}

/** What a car has answered. @returns undefined where nothing, or no update of this length, was accepted */
export async function wholeUpdate(
  { objects }: { readonly objects: ObjectStore },
  batchId: string,
  shard: number,
  parts: readonly AcceptedPart[],
  length: number,
): Promise<ClientUpdate | undefined> {
  const line = (await readAnsweredLines(objects, batchId, shard, parts)).get(0);
  if (line === undefined) return undefined;
  const { response } = parseAnswerLine(line);
  const answer = trainingUpdateSchema.safeParse(response?.body).data;
  const update = answer && floatsFromBase64(answer.update);
  // A car whose numbers went astray spoils no round.
  if (!answer || update?.length !== length || !update.every(Number.isFinite)) return undefined;
  const { examples, steps, loss } = answer;
  return { update, examples, steps, loss, isPartial: false, bytes: line.length };
}
