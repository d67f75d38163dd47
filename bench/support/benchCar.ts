import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';

import { EnergyMeter } from '../../car/shard/energyMeter.ts';
import { UNPACED, type PartStore } from '../../car/shard/ports.ts';
import { OwnData } from '../../car/shard/ownData.ts';
import { PowerGate } from '../../car/shard/powerGate.ts';
import { ResultCache } from '../../car/shard/resultCache.ts';
import { createInferenceActivities } from '../../car/shard/runShard.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import type { RunShardInput, RunShardResult } from '../../domain/shards.ts';
import { childEntry } from '../../inference/childEntry.ts';
import { ModelCache } from '../../inference/modelCache.ts';
import { findLauncher } from '../../inference/runner/launcher.ts';
import { Runner, RUNNER_DEFAULTS } from '../../inference/runner/runner.ts';

export interface BenchCar {
  readonly runner: Runner;
  readonly models: ModelCache;
  run(shard: RunShardInput): Promise<RunShardResult>;
  close(): Promise<void>;
}

/** A car's whole path from the activity to the stored parts, never paced and never gated. */
export function openBenchCar(folder: string, objects: PartStore): BenchCar {
  // A bench on a busy machine waits as long as it takes.
  const runner = new Runner({ loadLimitMs: 600_000, callLimitMs: 600_000 });
  const models = new ModelCache(join(folder, 'models'));
  const car = createInferenceActivities({
    vehicleId: 'bench',
    openSlice: () => objects,
    runner,
    models,
    results: new ResultCache(join(folder, 'results')),
    ownData: new OwnData(undefined, join(folder, 'own')),
    gate: new PowerGate(),
    meter: new EnergyMeter(() => 1, Date.now),
    clock: REAL_TIME,
    pacer: UNPACED,
    log: pino({ level: 'silent' }),
  });
  return {
    runner,
    models,
    run: (shard) => new MockActivityEnvironment().run((input: RunShardInput) => car.activities.runShard(input), shard),
    close: async () => {
      car.close();
      await runner.stop();
    },
  };
}

/** What a car's path is measured against, in a process started as the runner's is. */
export async function forkBare(name: 'bareGeneration' | 'bareRunner' | 'otherEngine'): Promise<ChildProcess> {
  const launcher = await findLauncher(RUNNER_DEFAULTS.memoryLimitBytes);
  const entry = childEntry(import.meta.url, `../${name}`);
  return fork(entry.modulePath, [], {
    execPath: launcher.execPath,
    execArgv: [...launcher.execArgv, ...entry.execArgv],
  });
}
