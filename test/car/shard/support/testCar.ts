import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { EnergyMeter } from '../../../../car/shard/energyMeter.ts';
import { ModelCache } from '../../../../inference/modelCache.ts';
import { UNPACED, type InferencePorts } from '../../../../car/shard/ports.ts';
import { OwnData } from '../../../../car/shard/ownData.ts';
import { PowerGate } from '../../../../car/shard/powerGate.ts';
import { ResultCache } from '../../../../car/shard/resultCache.ts';
import { createInferenceActivities } from '../../../../car/shard/runShard.ts';
import { Runner } from '../../../../inference/runner/runner.ts';
import { publishBundledModels } from '../../../../inference/models/bundledModels.ts';
import { REAL_TIME } from '../../../../domain/clock.ts';
import { objectKeys } from '../../../../domain/names.ts';
import type { RunShardInput, RunShardResult, ShardHeartbeat } from '../../../../domain/shards.ts';
import { MemoryObjects } from './memoryObjects.ts';
import { renderTextLines, requestLine, TEXTS } from '../../../inference/support/textLines.ts';

export const JOB_ID = 'batch_1';

const cleanUps: (() => Promise<void>)[] = [];

/** Ends the cars and removes the folders made since the last call; for afterEach(). */
export async function cleanUp(): Promise<void> {
  for (const step of cleanUps.splice(0).toReversed()) await step();
}

/** A store with the model, and one shard of a line for each of TEXTS. */
export async function storeWithShard(
  lines?: readonly string[],
): Promise<{ objects: MemoryObjects; shard: RunShardInput }> {
  const objects = new MemoryObjects();
  const [manifest] = await publishBundledModels(objects, async () => {});
  if (manifest === undefined) throw new Error('no model is bundled');
  const requests = lines ?? renderTextLines(TEXTS).map((image, index) => requestLine(`line-${index}`, image));
  const inputKey = objectKeys.shardInput(JOB_ID, 0);
  await objects.put(inputKey, `${requests.join('\n')}\n`);
  const { name, version, family, sha256 } = manifest;
  return {
    objects,
    shard: {
      jobId: JOB_ID,
      shard: 0,
      model: { name, version, family, sha256 },
      inputKey,
      lines: requests.length,
      linesPerPart: 3,
      deadlineMs: Date.now() + 3_600_000,
    },
  };
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-car-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestCar {
  readonly ports: InferencePorts;
  /** Runs an attempt as the server would start it after `heartbeat`, and keeps what it reports. */
  attempt(input: RunShardInput, heartbeat?: ShardHeartbeat): TestAttempt;
}

export interface TestAttempt {
  readonly result: Promise<RunShardResult>;
  readonly heartbeats: ShardHeartbeat[];
  cancel(): void;
}

/** A car with a real runner of its own, which ends with the test. */
export async function testCar(
  vehicleId: string,
  objects: MemoryObjects,
  overrides: Partial<InferencePorts> = {},
): Promise<TestCar> {
  const folder = await temporaryFolder();
  const runner = new Runner();
  const ports: InferencePorts = {
    vehicleId,
    openSlice: () => objects,
    runner,
    models: new ModelCache(join(folder, 'models')),
    results: new ResultCache(join(folder, 'results')),
    ownData: new OwnData(undefined, join(folder, 'own')),
    gate: new PowerGate(),
    meter: new EnergyMeter(
      () => 0.5,
      () => Date.now(),
    ),
    clock: REAL_TIME,
    pacer: UNPACED,
    log: pino({ level: 'silent' }),
    ...overrides,
  };
  const { activities, close } = createInferenceActivities(ports);
  cleanUps.push(async () => {
    close();
    await runner.stop();
  });
  return {
    ports,
    attempt(input, heartbeatDetails) {
      const environment = new MockActivityEnvironment(
        { heartbeatDetails },
        { logger: new DefaultLogger('ERROR', () => {}) },
      );
      const heartbeats: ShardHeartbeat[] = [];
      environment.on('heartbeat', (heartbeat: ShardHeartbeat) => heartbeats.push(heartbeat));
      const result: Promise<RunShardResult> = environment.run(() => activities.runShard(input));
      // Attempts that are meant to fail are awaited later.
      result.catch(() => {});
      return { result, heartbeats, cancel: () => environment.cancel('CANCELLED') };
    },
  };
}

/** The shard's answer lines, each line number once, whatever the parts it stands in. */
export function storedAnswers(objects: MemoryObjects, input: RunShardInput): string[] {
  const answers: string[] = [];
  for (const [key, body] of objects.bodies) {
    const range = /\/parts\/(\d{6})-/.exec(key);
    if (range === null || !key.startsWith(objectKeys.partPrefix(input.jobId, input.shard))) continue;
    for (const [offset, line] of body.toString('utf8').trimEnd().split('\n').entries()) {
      answers[Number(range[1]) + offset] = line;
    }
  }
  return answers;
}
