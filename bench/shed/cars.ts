import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { EnergyMeter } from '../../car/shard/energyMeter.ts';
import type { ModelCache } from '../../inference/modelCache.ts';
import { UNPACED, type InferencePorts } from '../../car/shard/ports.ts';
import { OwnData } from '../../car/shard/ownData.ts';
import { PowerGate } from '../../car/shard/powerGate.ts';
import { ResultCache } from '../../car/shard/resultCache.ts';
import { createInferenceActivities } from '../../car/shard/runShard.ts';
import type { Runner } from '../../inference/runner/runner.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { objectKeys } from '../../domain/names.ts';
import type { RunShardInput, ShardHeartbeat } from '../../domain/shards.ts';
import { MemoryObjects } from '../../test/car/shard/support/memoryObjects.ts';
import { storedAnswers } from '../../test/car/shard/support/testCar.ts';
import { shedLinkOver } from '../../car/agent/setpointLink.ts';
import { watchSheds } from '../../car/agent/shedWatch.ts';
import { LINES_PER_SHARD, vehicleIdOf, type CarsMessage, type CarsOptions } from './benchProtocol.ts';
import { simulatedDevice } from './simulatedDevice.ts';

/** The process of the cars: each has its own MQTT connection, gate, watch and shard. Forked by bench/shed.ts. */

const REAL_MS_PER_LINE = 1_500;
const CONNECT_AT_ONCE = 50;
const KW = 0.8;

const options: CarsOptions = JSON.parse(process.argv[2] ?? '');
const { clock } = options;
const log = pino({ level: 'warn' });
const temporalLog = new DefaultLogger('ERROR', () => {});
const objects = new MemoryObjects();
const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-shed-'));
const say = (message: CarsMessage): void => void process.send?.(message);

interface Car {
  readonly shard: RunShardInput;
  drawsKw: number;
  droppedAtRealMs: number | null;
  attempts: number;
  redoneLines: number;
  done: Promise<void>;
  close(): Promise<void>;
}

async function openCar(index: number): Promise<Car> {
  const vehicleId = vehicleIdOf(index);
  const client = await connectAsync(options.mqttUrl, { clientId: vehicleId, protocolVersion: 4 });
  const gate = new PowerGate();
  const watch = watchSheds(gate, clock, log);
  const stopListening = await shedLinkOver(client).listen(vehicleId, (payload) => watch.receive(payload));

  const lines = Array.from({ length: LINES_PER_SHARD }, (_, line) =>
    JSON.stringify({ custom_id: `${vehicleId}-${line}`, method: 'POST', url: '/v1/x', body: { line } }),
  );
  const inputKey = objectKeys.shardInput('bench', index);
  await objects.put(inputKey, `${lines.join('\n')}\n`);
  const shard: RunShardInput = {
    jobId: 'bench',
    shard: index,
    model: { name: 'bench', version: '1', family: 'bench', sha256: '' },
    inputKey,
    lines: LINES_PER_SHARD,
    linesPerPart: 2,
    deadlineMs: gridTimeMs(clock, Date.now()) + 24 * 3_600_000,
  };
  const meter = new EnergyMeter(
    () => KW,
    () => gridTimeMs(clock, Date.now()),
    (on) => {
      car.drawsKw = on ? KW : 0;
      if (!on && !gate.isOpen) car.droppedAtRealMs ??= Date.now();
    },
  );
  const ports: InferencePorts = {
    vehicleId,
    openSlice: () => objects,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a class with private fields has no other stand-in
    runner: simulatedDevice(REAL_MS_PER_LINE) as Runner,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    models: { open: async () => ({ pipeline: { kind: 'tensors' } }) } as unknown as ModelCache,
    results: new ResultCache(join(folder, vehicleId)),
    ownData: new OwnData(undefined, join(folder, 'own')),
    gate,
    meter,
    clock,
    pacer: UNPACED,
    log,
  };
  const { activities, close } = createInferenceActivities(ports);
  const car: Car = {
    shard,
    drawsKw: 0,
    droppedAtRealMs: null,
    attempts: 0,
    redoneLines: 0,
    done: Promise.resolve(),
    close: async () => {
      close();
      watch.close();
      stopListening();
      await client.endAsync(true);
    },
  };
  car.done = untilDone(car, gate, activities.runShard);
  return car;
}

/** Runs attempts as the server would: a failed one is followed by another, which goes on from its heartbeat. */
async function untilDone(
  car: Car,
  gate: PowerGate,
  runShard: (input: RunShardInput) => Promise<{ redoneLines: number }>,
) {
  let heartbeat: ShardHeartbeat | undefined;
  for (;;) {
    while (!gate.isOpen) await delay(50);
    car.attempts += 1;
    const environment = new MockActivityEnvironment({ heartbeatDetails: heartbeat }, { logger: temporalLog });
    environment.on('heartbeat', (details: ShardHeartbeat) => {
      heartbeat = details;
    });
    try {
      ({ redoneLines: car.redoneLines } = await environment.run(() => runShard(car.shard)));
      return;
    } catch (error) {
      if (!(error instanceof Error) || !/leaves|may not compute/.test(error.message)) throw error;
    }
  }
}

const cars: Car[] = [];
for (let from = 0; from < options.cars; from += CONNECT_AT_ONCE) {
  const count = Math.min(CONNECT_AT_ONCE, options.cars - from);
  cars.push(...(await Promise.all(Array.from({ length: count }, (_, offset) => openCar(from + offset)))));
}
while (cars.some(({ drawsKw }) => drawsKw === 0)) await delay(50);
say({ type: 'computing' });
await Promise.all(cars.map(({ done }) => done));
const answers = cars.map(({ shard }) => storedAnswers(objects, shard).filter((line) => line !== undefined).length);
const shed = cars.filter(({ droppedAtRealMs }) => droppedAtRealMs !== null);
say({
  type: 'finished',
  droppedAtRealMs: cars.map(({ droppedAtRealMs }) => droppedAtRealMs),
  shardsDone: answers.filter((lines) => lines === LINES_PER_SHARD).length,
  resumed: shed.filter(({ attempts }) => attempts === 1).length,
  yielded: shed.filter(({ attempts }) => attempts > 1).length,
  linesStored: answers.reduce((sum, lines) => sum + lines, 0),
  linesRedone: cars.reduce((sum, { redoneLines }) => sum + redoneLines, 0),
});
await Promise.all(cars.map((car) => car.close()));
await rm(folder, { recursive: true, force: true });
process.disconnect();
