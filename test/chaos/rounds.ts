import { HOUR_MS } from '../../domain/durations.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { OCR_MODEL } from '../../demo/work/ocrWork.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { messageOf } from '../../domain/thrown.ts';
import type { Random } from '../../domain/random.ts';
import type { Cell } from '../../store/cells.ts';
import { eventually } from '../support/eventually.ts';
import { TIGHT } from './chaosNight.ts';
import { answeredOnce, limitKept, ownersWhole, paidOnce, paidWithinMeter, type Violations } from './checks.ts';
import { disturb } from './disturbances/disturb.ts';
import type { Disturbance } from './plan.ts';
import type { World } from './world.ts';

/** Of the batch that is submitted before the disturbance, and of the one that is submitted within it. */
export const REQUESTS = 24;
const REQUESTS_WITHIN = 8;
/** Real time; beyond it a batch counts as stuck. */
const END_LIMIT_MS = 240_000;
const ANSWERED_LIMIT_MS = 60_000;
const METERED_LIMIT_MS = 20_000;
const SUBMIT_LIMIT_MS = 120_000;
const RETRY_MS = 500;

export interface RoundResult {
  /** Real time from the end of the disturbance until both batches had ended. */
  readonly recoveredMs: number;
  /** Names of processes that nobody disturbed and that ended all the same. */
  readonly fellToo: readonly string[];
  readonly checks: Readonly<Record<string, Violations>>;
}

/** What undisturbed runs of the two batches of a round answer. */
export interface Undisturbed {
  readonly before: string;
  readonly within: string;
}

export async function undisturbedRuns(world: World): Promise<Undisturbed> {
  const run = async (requests: number): Promise<string> => outputOf(world, await world.stack.submit(requests));
  return { before: await run(REQUESTS), within: await run(REQUESTS_WITHIN) };
}

/**
 * Submits a batch, disturbs the stack in the middle of its work, submits another one meanwhile as a client that tries
 * again until it is told that it is accepted, waits for both to end and checks what was promised.
 */
export async function playRound(
  world: World,
  disturbance: Disturbance,
  undisturbed: Undisturbed,
  random: Random,
): Promise<RoundResult> {
  const { stack } = world;
  const cell = await stack.cell();
  const startMs = nowMs(cell);
  const pidsBefore = await world.pids();
  const batchId = await stack.submit(REQUESTS);
  await eventually('enough requests are answered', ANSWERED_LIMIT_MS, async () =>
    (await stack.answered(batchId)) >= disturbance.atAnswered ? true : undefined,
  );
  const key = `chaos-${Math.floor(random() * 2 ** 32)}`;
  const [withinId, overAt] = await Promise.all([
    submitStubbornly(world, cell, key),
    disturb(world, disturbance, random).then(() => performance.now()),
  ]);
  const answers = {
    before: await outcomeOf(world, batchId, REQUESTS, undisturbed.before),
    within: await outcomeOf(world, withinId, REQUESTS_WITHIN, undisturbed.within),
  };
  const recoveredMs = performance.now() - overAt;
  const { database, objects } = stack;
  const window = { startMs: startMs - cell.slotMinutes * 60_000, endMs: nowMs(cell) };
  return {
    recoveredMs,
    fellToo: await fellToo(world, pidsBefore, disturbance),
    checks: {
      'answered once': [...answers.before, ...answers.within, ...(await acceptedOnce(world, key))],
      'paid once': [
        ...(await paidOnce(database, objects, batchId)),
        ...(await paidOnce(database, objects, withinId)),
        ...(await onceMetersHaveCome(() => paidWithinMeter(database))),
      ],
      'limits kept': await limitKept(database, TIGHT, cell.slotMinutes, window),
      'owners whole': await ownersWhole(database, nowMs(cell)),
    },
  };
}

/** A payment may stand before the meter's next reading is in. */
async function onceMetersHaveCome(check: () => Promise<Violations>): Promise<Violations> {
  const holds = async (): Promise<true | undefined> => ((await check()).length === 0 ? true : undefined);
  await eventually('meters have come', METERED_LIMIT_MS, holds).catch(() => undefined);
  return check();
}

function nowMs({ clock }: Cell): number {
  return gridTimeMs(clock, Date.now());
}

/** Tries again, with the same key, until a batch is accepted. @returns its id */
async function submitStubbornly({ stack }: World, cell: Cell, key: string): Promise<string> {
  const file = await stack.inputFile(REQUESTS_WITHIN);
  const batches = await stack.batches();
  const deadline = new Date(nowMs(cell) + 10 * HOUR_MS).toISOString();
  const fileId = await stubbornly('the file is taken', () => batches.upload(file));
  const batch = await stubbornly('the batch is accepted', () =>
    batches.submit({
      input_file_id: fileId,
      endpoint: `/v2/models/${OCR_MODEL}/infer`,
      completion_window: '24h',
      metadata: { 'grid.deadline': deadline, 'grid.idempotency_key': key },
    }),
  );
  return batch.id;
}

/** @throws what cannot be retried, and Error after the limit */
async function stubbornly<Result>(what: string, attempt: () => Promise<Result>): Promise<Result> {
  const giveUpAt = Date.now() + SUBMIT_LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      const isTransient = cause instanceof NightshiftError ? cause.retryable : true;
      if (!isTransient || Date.now() > giveUpAt) throw new Error(`${what}: it is not`, { cause });
      await sleep(RETRY_MS);
    }
  }
}

async function outcomeOf(world: World, batchId: string, requests: number, undisturbed: string): Promise<Violations> {
  try {
    return answeredOnce(await outputOf(world, batchId), requests, undisturbed).map((found) => `${batchId}: ${found}`);
  } catch (error) {
    return [messageOf(error)];
  }
}

/** Waits for the batch's end. @throws Error when it does not end, or otherwise than completed */
async function outputOf({ stack }: World, batchId: string): Promise<string> {
  const batch = await eventually(`${batchId} ends`, END_LIMIT_MS, () => stack.ended(batchId));
  if (batch.status !== 'completed' || batch.error_file_id) throw new Error(`it ended as ${JSON.stringify(batch)}`);
  return (await (await stack.batches()).content(batch.output_file_id ?? '')).text();
}

/** A submission that was tried again is one batch. */
async function acceptedOnce({ stack }: World, key: string): Promise<Violations> {
  const rows = await stack.database.query('select 1 from batches where idempotency_key = $1', [key]);
  return rows.length === 1 ? [] : [`${rows.length} batches came of one submission`];
}

async function fellToo(
  world: World,
  before: ReadonlyMap<string, number>,
  { target, manner }: Disturbance,
): Promise<string[]> {
  const after = await world.pids();
  return [...before]
    .filter(([name, pid]) => after.get(name as 'api') !== pid && !(manner === 'kill' && name === target))
    .map(([name]) => name);
}
