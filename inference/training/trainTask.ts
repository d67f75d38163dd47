import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { Answer } from '../../domain/answerLine.ts';
import { floatsFromBytes } from '../../training/floats.ts';
import type { LocalState } from '../../training/localSteps.ts';
import type { LoadedModel } from '../runner/protocol.ts';
import type { Runner } from '../runner/runner.ts';
import { BadRequest, badRequestAnswer } from '../runner/openInference.ts';
import { STATE_OBJECT, type LocalRun } from './trainingPipeline.ts';

/** Written by our own process a moment ago. */
const stateSchema = z.object({ object: z.literal(STATE_OBJECT), state: z.custom<LocalState>() });

/** Real time between two looks at whether the car has to go: its steps are kept then. */
const BUDGET_MS = 500;

export interface TaskRun {
  readonly runner: Pick<Runner, 'run'>;
  readonly model: LoadedModel;
  readonly body: Readonly<Record<string, unknown>>;
  /** As the store has the round's weights. */
  readonly weightBytes: Uint8Array;
  /** To go on from. */
  readonly state?: LocalState | undefined;
  readonly onState?: (state: LocalState) => void;
  readonly signal?: AbortSignal;
}

/**
 * A task's answer, some steps at a time.
 * @throws RunnerCrash, and the signal's reason
 */
export async function trainTask({
  runner,
  model,
  body,
  weightBytes,
  onState,
  signal,
  ...run
}: TaskRun): Promise<Answer> {
  const sha256 = createHash('sha256').update(weightBytes).digest('hex');
  if (body['weights_sha256'] !== sha256) {
    const message = 'The weights beside the job are not those that the task names.';
    return badRequestAnswer(new BadRequest('invalid_body', 'weights_sha256', message));
  }
  const weights = floatsFromBytes(weightBytes);
  let { state } = run;
  for (;;) {
    signal?.throwIfAborted();
    const local: LocalRun = { weights, budgetMs: BUDGET_MS, ...(state && { state }) };
    const [answer] = await runner.run(model, [{ ...body, local }]);
    if (!answer) throw new Error('the runner gave no answer');
    state = stateIn(answer);
    if (!state) return answer;
    onState?.(state);
  }
}

function stateIn({ statusCode, body }: Answer): LocalState | undefined {
  return statusCode === 200 ? stateSchema.safeParse(body).data?.state : undefined;
}
