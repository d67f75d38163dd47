import type { InferenceActivities } from '../../domain/activities/inferenceActivities.ts';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { NightshiftError, type ErrorCodeName } from '../../domain/errors.ts';
import { SHARD_FAILURES, type RunShardInput } from '../../domain/shards.ts';
import { ModelMismatch } from '../../inference/modelCache.ts';
import { PartOutbox } from './partOutbox.ts';
import { SHARD_LIMITS, type InferencePorts } from './ports.ts';
import { RunnerCrash } from '../../inference/runner/runnerChild.ts';
import { ShardAttempt } from './shardAttempt.ts';
import { UnreadableSlice } from './shardInput.ts';
import { unstoredRanges } from './unstoredRanges.ts';

const GATE_CLOSED_RETRY_MS = 250;

/** The activities of one car, and what holds its unsent parts; close() it when the car's agent ends. */
export function createInferenceActivities(ports: InferencePorts): {
  activities: InferenceActivities;
  close: () => void;
} {
  const limits = { ...SHARD_LIMITS, ...ports.limits };
  const outbox = new PartOutbox(ports.vehicleId, ports.log, ports.saveRegister);
  return {
    activities: {
      runShard: async (input) => {
        const finished = await ports.results.read(input);
        if (finished !== undefined && (await isStored(ports, input))) return finished;
        if (!ports.gate.isOpen) {
          throw ApplicationFailure.create({
            type: SHARD_FAILURES.gateClosed,
            message: `${ports.vehicleId} may not compute now: ${ports.gate.reasons.join(', ')}`,
            category: 'BENIGN',
            // Not the policy's back-off: another car may be waiting for exactly this shard.
            nextRetryDelay: GATE_CLOSED_RETRY_MS,
          });
        }
        try {
          return await new ShardAttempt(input, ports, limits, outbox, Context.current()).run();
        } catch (error) {
          throw shardFailure(error);
        }
      },
    },
    close: () => outbox.close(),
  };
}

/** A shard that was refused has lost its parts: the result that was kept of it would be refused again and again. */
async function isStored({ openSlice }: InferencePorts, input: RunShardInput): Promise<boolean> {
  try {
    return (await unstoredRanges(openSlice(input.access), input)).length === 0;
  } catch {
    // Out of reach: what was refused is found out when it is there again.
    return true;
  }
}

/** Gives the errors of an attempt the types that the workflow tells apart; others pass unchanged. */
function shardFailure(error: unknown): unknown {
  if (error instanceof RunnerCrash) {
    return ApplicationFailure.create({ type: SHARD_FAILURES.runnerCrashed, message: error.message, cause: error });
  }
  if (error instanceof ModelMismatch) {
    return ApplicationFailure.nonRetryable(error.message, SHARD_FAILURES.modelHashMismatch);
  }
  const missing = error instanceof NightshiftError && error.code === 'object_not_found';
  if (error instanceof UnreadableSlice || missing) {
    return ApplicationFailure.nonRetryable(error.message, SHARD_FAILURES.invalidShard);
  }
  // A token that has expired, a key that is not the car's, a part that is too large: no other attempt changes that.
  if (error instanceof NightshiftError && STORE_REFUSALS.includes(error.code)) {
    return ApplicationFailure.nonRetryable(`The store refuses: ${error.message}`, SHARD_FAILURES.storeRefused);
  }
  return error;
}

const STORE_REFUSALS: readonly ErrorCodeName[] = [
  'unauthorized',
  'forbidden',
  'invalid_request',
  'not_found',
  'conflict',
  'payload_too_large',
];
