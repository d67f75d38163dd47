import { randomBytes } from 'node:crypto';

import type { Answer } from '../../domain/answerLine.ts';
import type { TrainingPipeline } from '../../domain/models.ts';
import type { KeptParty, OwnPhase } from '../../domain/ownData.ts';
import { ownTaskSchema, trainingUpdateSchema, type OwnTask } from '../../domain/training.ts';
import { BadRequest, badRequestAnswer } from '../../inference/runner/openInference.ts';
import { trainTask, type TaskRun } from '../../inference/training/trainTask.ts';
import { floatsFromBase64 } from '../../training/floats.ts';
import type { LocalState } from '../../training/localSteps.ts';
import { normal } from '../../training/random.ts';
import { toFixedPoint } from '../../training/secure/fixedPoint.ts';
import {
  maskNumbers,
  newParty,
  reveal,
  sharesFor,
  UnsafeRequest,
  type PartyKeys,
  type PartySecrets,
} from '../../training/secure/party.ts';
import { fixedPointOfRound } from '../../training/secure/round.ts';
import type { OwnData } from './ownData.ts';

/** How often the steps so far are kept, in real time. */
const KEEP_EVERY_MS = 5_000;

/** A request to a car that trains on its own data. */
export interface OwnTaskRun extends Pick<TaskRun, 'runner' | 'signal'> {
  readonly model: TaskRun['model'] & { readonly pipeline: TrainingPipeline };
  readonly jobId: string;
  readonly vehicleId: string;
  readonly data: OwnData;
  readonly body: Readonly<Record<string, unknown>>;
  /** The round's weights. */
  readonly readWeights: () => Promise<Uint8Array>;
  readonly onState: () => void;
}

/**
 * What this car answers. Its examples, the steps that it has taken on them and, with secure aggregation, its update stay
 * in the car; what goes out of it is the answer.
 */
export async function answerOwnTask(run: OwnTaskRun): Promise<Answer> {
  const parsed = ownTaskSchema.safeParse(run.body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const param = issue?.path.join('.') ?? '';
    return badRequestAnswer(new BadRequest('invalid_body', param, `${param}: ${issue?.message}.`));
  }
  try {
    return await new OwnTaskCourse(run, parsed.data).answer();
  } catch (error) {
    if (error instanceof BadRequest) return badRequestAnswer(error);
    if (error instanceof UnsafeRequest) return badRequestAnswer(new BadRequest('unsafe', 'phase', error.message));
    throw error;
  }
}

class OwnTaskCourse {
  readonly #run: OwnTaskRun;
  readonly #task: OwnTask;

  constructor(run: OwnTaskRun, task: OwnTask) {
    this.#run = run;
    this.#task = task;
  }

  async answer(): Promise<Answer> {
    const { client, phase } = this.#task;
    if (client !== this.#run.vehicleId) {
      throw new BadRequest('own_data', 'client', 'The request is meant for another car.');
    }
    switch (phase.kind) {
      case 'update':
        return this.#train();
      case 'keys':
        return this.#keys();
      case 'shares':
        return this.#shares(phase);
      case 'masked':
        return this.#masked(phase);
      case 'reveal':
        return this.#reveal(phase);
      default:
        return phase satisfies never;
    }
  }

  async #train(): Promise<Answer> {
    const { runner, model, jobId, data, signal } = this.#run;
    const { own_data: _, round: __, phase: ___, ...task } = this.#task;
    const weightBytes = await this.#run.readWeights();
    const before = await data.readSteps(jobId);
    let newest: LocalState | undefined;
    let keptAtMs = performance.now();
    const keep = async (): Promise<void> => {
      if (newest) await data.writeSteps(jobId, newest);
    };
    try {
      const answer = await trainTask({
        runner,
        model,
        body: { ...task, data: await data.examples(this.#task, model.pipeline) },
        weightBytes,
        ...(signal && { signal }),
        ...(before && before.weights.byteLength === weightBytes.byteLength && { state: before }),
        onState: (state) => {
          newest = state;
          this.#run.onState();
          if (performance.now() - keptAtMs < KEEP_EVERY_MS) return;
          keptAtMs = performance.now();
          // A full disk costs the steps, not the round.
          keep().catch(() => {});
        },
      });
      return answer;
    } catch (error) {
      await keep().catch(() => {});
      throw error;
    }
  }

  /** The same keys when it is asked again: others may have them. */
  async #keys(): Promise<Answer> {
    const { data, jobId } = this.#run;
    const { client, round, clip_norm: norm, weights_sha256: weightsSha256 } = this.#task;
    if (norm === undefined) throw new BadRequest('unsafe', 'clip_norm', 'An update is masked only when it is clipped.');
    let party = await data.readParty(round);
    if (party?.weightsSha256 !== weightsSha256) {
      const answer = await this.#train();
      const update = trainingUpdateSchema.safeParse(answer.body).data;
      if (answer.statusCode !== 200 || !update) return answer;
      const { keys, secrets } = newParty(client);
      party = {
        maskKey: base64(keys.maskKey),
        shareKey: base64(keys.shareKey),
        maskSecret: base64(secrets.maskSecret),
        shareSecret: base64(secrets.shareSecret),
        seed: base64(secrets.seed),
        update: update.update,
        weightsSha256,
      };
      await data.writeParty(round, party);
      await data.removeSteps(jobId);
    }
    return done({ object: 'training.keys', client, mask_key: party.maskKey, share_key: party.shareKey });
  }

  async #shares({ roster, threshold }: Extract<OwnPhase, { kind: 'shares' }>): Promise<Answer> {
    const { client, round } = this.#task;
    const secrets = secretsOf(await this.#party());
    const sealed = sharesFor(secrets, client, roster.map(partyKeysOf), { threshold, round });
    const texts = Object.fromEntries(Object.entries(sealed).map(([peer, text]) => [peer, base64(text)]));
    return done({ object: 'training.shares', client, sealed: texts });
  }

  /** Once: the same update under two sets of masks would tell their difference. */
  async #masked({ roster, threshold, noise }: Extract<OwnPhase, { kind: 'masked' }>): Promise<Answer> {
    const { client, round, clip_norm: norm } = this.#task;
    const party = await this.#party();
    if (party.update === null || norm === undefined) throw new UnsafeRequest('The update of this round was sent.');
    await this.#run.data.writeParty(round, { ...party, update: null });
    const update = floatsFromBase64(party.update);
    if (noise > 0) update.forEach((each, index) => (update[index] = each + noise * secretNormal()));
    const numbers = toFixedPoint(update, fixedPointOfRound(norm, noise, roster.length));
    maskNumbers(numbers, secretsOf(party), client, roster.map(partyKeysOf), { threshold, round });
    const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    return done({ object: 'training.masked', client, numbers: bytes.toString('base64') });
  }

  /** Its last word in the round: what it kept is gone before it is said. */
  async #reveal(phase: Extract<OwnPhase, { kind: 'reveal' }>): Promise<Answer> {
    const { client, round } = this.#task;
    const { roster, threshold, survivors, sealed } = phase;
    const secrets = secretsOf(await this.#party());
    const bytes = Object.fromEntries(Object.entries(sealed).map(([peer, text]) => [peer, bytesOf(text)]));
    const { seeds, maskKeys } = reveal(secrets, client, roster.map(partyKeysOf), bytes, {
      survivors,
      threshold,
      round,
    });
    await this.#run.data.removeParty(round);
    const wire = (shares: typeof seeds) =>
      Object.fromEntries(
        Object.entries(shares).map(([peer, { x, bytes: each }]) => [peer, { x, bytes: base64(each) }]),
      );
    return done({ object: 'training.revealed', client, seeds: wire(seeds), mask_keys: wire(maskKeys) });
  }

  async #party(): Promise<KeptParty> {
    const party = await this.#run.data.readParty(this.#task.round);
    if (party?.weightsSha256 === this.#task.weights_sha256) return party;
    throw new BadRequest('own_data', 'round', 'This car has no part in the round, or has had its last word in it.');
  }
}

function done(body: unknown): Answer {
  return { statusCode: 200, body };
}

function secretsOf({ maskSecret, shareSecret, seed }: KeptParty): PartySecrets {
  return { maskSecret: bytesOf(maskSecret), shareSecret: bytesOf(shareSecret), seed: bytesOf(seed) };
}

export function partyKeysOf(keys: { client: string; mask_key: string; share_key: string }): PartyKeys {
  return { client: keys.client, maskKey: bytesOf(keys.mask_key), shareKey: bytesOf(keys.share_key) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** Nobody can predict it. */
function secretNormal(): number {
  return normal(() => randomBytes(6).readUIntBE(0, 6) / 2 ** 48);
}
