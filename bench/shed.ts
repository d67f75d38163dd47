/**
 * How long a fleet takes to shed: a utility puts an import limit of 0 over HTTP, and the time runs from the sending of
 * that request to the last car's draw falling to 0. Real PostgreSQL, API, MQTT broker and connections, the cars' own
 * gate, watch and shard code; only the inference process is simulated (bench/shed/simulatedDevice.ts), and no Temporal
 * server is asked, since the fast path does not use it. Then the cars come back, staggered, and every shard has to be
 * done, each line stored once. Goal: p99 of 2 s for 1,000 cars, no shard lost.
 *
 *     npm run bench:shed -- [--cars 1000]
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { createEmergencyShed } from '../activities/grid/emergencyShed.ts';
import { startApiServer } from '../api/http/server.ts';
import { openBroker } from '../test/support/openBroker.ts';
import { gridTimeMs, type Clock } from '../domain/clock.ts';
import { openDatabase } from '../store/database.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import { sealWith } from '../store/seal.ts';
import { sliceSignerWith } from '../store/sliceAccess.ts';
import { CELL, enrolFleet } from '../test/support/fleetFixture.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';
import { vehicleLinkOver } from '../worker/process/mqttLink.ts';
import { modelAdmissionOver } from '../worker/api/modelAdmission.ts';
import { LINES_PER_SHARD, vehicleIdOf, type CarsMessage, type CarsOptions } from './shed/benchProtocol.ts';

const { values } = parseArgs({ options: { cars: { type: 'string', default: '1000' } } });
const count = Number(values.cars);
const GOAL_REAL_MS = 2_000;
/** Grid time: 3 s in all; so some cars resume within their patience, and others have given their shard back. */
const EMERGENCY_MS = 90_000;
const logger = pino({ level: 'error' });
const clock: Clock = { originMs: Date.now(), anchorMs: Date.now(), scale: 30 };
const gridNowMs = (): number => gridTimeMs(clock, Date.now());

const postgres = await temporaryDatabase();
const database = openDatabase({ url: postgres.url });
await enrolFleet(
  database,
  Array.from({ length: count }, (_, index) => vehicleIdOf(index)),
  clock,
);
const broker = await openBroker(logger);
const mqtt = await connectAsync(broker.url, { protocolVersion: 4 });
const shed = createEmergencyShed({ database, vehicles: vehicleLinkOver(mqtt) });
const objects = createFileStore('.nightshift/bench-shed');
const unused = async (): Promise<never> => {
  throw new Error('not part of this bench');
};
const server = await startApiServer(
  {
    database,
    objects,
    jobs: { start: unused, lossOf: unused, cancel: unused, setPaused: unused },
    trainings: { start: unused, cancel: unused, setPaused: unused },
    live: { infer: unused, generate: unused },
    quotes: { quote: unused, preview: unused },
    admission: modelAdmissionOver(database, objects),
    scratchFolder: '.nightshift/bench-shed/scratch',
    maxModelBytes: 1024 ** 3,
    regions: {
      followLimits: async (regionId) => void (await shed.follow({ regionId, nowMs: gridNowMs() })),
      signalsPushed: async () => {},
    },
    stays: { policyChanged: unused },
    vens: { hint: unused },
    rollouts: { start: unused, command: unused },
    seal: sealWith('a key for benches'),
    slices: sliceSignerWith('a key for benches'),
    temporalUi: null,
    page: new Map(),
    carDoors: {
      gateway: { address: '127.0.0.1:7243', tls: false, namespace: 'default' },
      mqttUrl: 'mqtt://127.0.0.1',
      telemetryBase: 'telemetry',
    },
    regionKeeper: { checkedFeeds: (feeds) => feeds, start: async () => {} },
    webhookHosts: 'public',
    retention: { days: 90, settledDays: 400, orphanDays: 7 },
    carbonEurPerKg: 0,
    missingEurPerKwh: 0.6,
    cell: { ...CELL, clock },
    apiKey: 'bench-key',
    logger,
    now: Date.now,
  },
  { host: '127.0.0.1', port: 0 },
);

const options: CarsOptions = { cars: count, mqttUrl: broker.url, clock };
const child = fork(new URL('./shed/cars.ts', import.meta.url), [JSON.stringify(options)], {
  execArgv: ['--import', 'tsx'],
});
const ended = new Promise((resolve) => child.once('exit', resolve));
const next = <Type extends CarsMessage['type']>(type: Type): Promise<Extract<CarsMessage, { type: Type }>> =>
  new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the cars ended with ${code}`)));
    child.on('message', (message: CarsMessage) => {
      if (message.type === type) resolve(message as Extract<CarsMessage, { type: Type }>);
    });
  });

const finished = next('finished');
await next('computing');
console.log(`${count} cars compute, each over its own MQTT connection`);

const startMs = Math.floor(gridNowMs());
const sentAtRealMs = Date.now();
const answer = await fetch(`${server.url}/grid/v1/regions/oslo/signals/import_limit`, {
  method: 'PUT',
  headers: { authorization: 'Bearer bench-key', 'content-type': 'application/json' },
  body: JSON.stringify({
    source: 'bench',
    unit: 'kW',
    spans: [{ start: iso(startMs), end: iso(startMs + EMERGENCY_MS), value: 0 }],
  }),
});
const answeredRealMs = Date.now() - sentAtRealMs;
if (!answer.ok) throw new Error(`the event was not accepted: ${await answer.text()}`);

const { droppedAtRealMs, shardsDone, resumed, yielded, linesStored, linesRedone } = await finished;
const drops = droppedAtRealMs.flatMap((at) => (at === null ? [] : [at - sentAtRealMs])).sort((a, b) => a - b);
const percentile = (share: number): number =>
  drops[Math.min(drops.length - 1, Math.ceil(drops.length * share) - 1)] ?? Number.NaN;
console.log(`event sent; answered after ${answeredRealMs} ms`);
console.log(
  `draw fell to 0 on ${drops.length} of ${count} cars: p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms, last ${percentile(1)} ms`,
);
console.log(
  `afterwards ${resumed} cars went on with their shard, ${yielded} had given it back and began again from the last part`,
);
console.log(
  `${shardsDone} of ${count} shards done, ${linesStored} of ${count * LINES_PER_SHARD} lines stored, ${linesRedone} computed twice`,
);
const isMet = drops.length === count && percentile(0.99) <= GOAL_REAL_MS && shardsDone === count;
console.log(`goal (every car, p99 <= ${GOAL_REAL_MS} ms, no shard lost): ${isMet ? 'met' : 'MISSED'}`);

await ended;
await server.close();
await mqtt.endAsync();
await broker.close();
await database.close();
await postgres.stop();
process.exitCode = isMet ? 0 : 1;

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
