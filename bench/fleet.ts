/**
 * Simulated cars that send telemetry and follow plans over a real MQTT broker and the real ingress and store, without
 * inference: what a car costs, the lag from sent to stored, and what is lost. The cars live in a process of their own;
 * broker, ingress and a stand-in for the planner, which sends every plugged car a profile in every slot, in this one.
 * Goal: 10,000 cars at scale 60 on two cores.
 *
 *     npm run bench:fleet -- [--cars 10000] [--scale 60] [--warm-up 30] [--seconds 90]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { startIngress } from '../api/ingress/ingress.ts';
import { openBroker } from '../test/support/openBroker.ts';
import { gridTimeMs, type Clock } from '../domain/clock.ts';
import { TELEMETRY_BASE, topics } from '../domain/names.ts';
import type { SetpointProfile } from '../domain/setpoints.ts';
import { seededFleet } from '../simulator/seededFleet.ts';
import { openDatabase } from '../store/database.ts';
import { CELL, enrolFleet } from '../test/support/fleetFixture.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';
import type { FleetOrder, FleetReport } from './fleetCars.ts';
import { watchedDatabase } from './support/watchedDatabase.ts';

const { values } = parseArgs({
  options: {
    cars: { type: 'string', default: '10000' },
    scale: { type: 'string', default: '60' },
    'warm-up': { type: 'string', default: '30' },
    seconds: { type: 'string', default: '90' },
  },
});
const cars = Number(values.cars);
const scale = Number(values.scale);
const seconds = Number(values.seconds);
const warmUpSeconds = Number(values['warm-up']);
const PROBE_ID = 'PROBE';
const SLOT_MS = 15 * 60_000;
const SLOTS_AHEAD = 3;
// People come home: the ingress opens stays throughout.
const EVENING_MS = Date.parse('2020-01-15T16:00:00Z');

const postgres = await temporaryDatabase();
const database = openDatabase({ url: postgres.url });
const fleet = { seed: 1, startMs: EVENING_MS, hours: 24, faults: [], place: 'home', regionId: 'oslo' } as const;
const clock: Clock = { originMs: EVENING_MS, anchorMs: Date.now(), scale };
await enrolFleet(database, [...seededFleet({ ...fleet, cars }).map(({ spec }) => spec.vehicleId), PROBE_ID], clock);
const logger = pino({ level: 'warn' });
const broker = await openBroker(logger);
const mqtt = await connectAsync(broker.url);
const watch = watchedDatabase(database);
const probeTopic = topics.telemetryField(TELEMETRY_BASE, PROBE_ID, 'BatteryLevel');
mqtt.on('message', (topic, payload) => {
  if (topic === probeTopic) watch.heard(Number(payload.toString()));
});
const plugged = new Set<string>();
const emptyBytes = process.memoryUsage().rss;
let startedCpu = process.cpuUsage();
const ingress = await startIngress({
  database: watch.database,
  cell: { ...CELL, clock },
  mqtt,
  telemetryBase: TELEMETRY_BASE,
  sessions: {
    start: async ({ vehicleId }) => void plugged.add(vehicleId),
    unplugged: async ({ vehicleId }) => void plugged.delete(vehicleId),
  },
  logger,
  now: Date.now,
});
await ingress.subscribed;

const child = start({ url: broker.url, cars, clock, warmUpSeconds, seconds, probeId: PROBE_ID, probeEveryRealMs: 50 });
const planning = new AbortController();
const planned = planEverySlot(planning.signal);
const report = await reportOf(child);
planning.abort();
const profiles = await planned;
const { user, system } = process.cpuUsage(startedCpu);
for (let waited = 0; waited < 100 && ingress.counts().messages < report.published; waited += 1) await delay(100);
const { rss } = process.memoryUsage();
await ingress.close();

const gridHours = (seconds * scale) / 3_600;
const perCar = (cpuMs: number): string => (cpuMs / cars / gridHours).toFixed(2);
const kb = (bytes: number): string => (bytes / cars / 1_000).toFixed(1);
const lags = watch.storedRealMs
  .map(({ sequence, realMs }) => realMs - (report.probesRealMs[sequence] ?? NaN))
  .sort((a, b) => a - b);
const quantile = (share: number): string => (lags[Math.floor(share * (lags.length - 1))] ?? NaN).toFixed(0);
const { messages, unreadable, unknownVehicle } = ingress.counts();
console.log(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`);
console.log(`${cars} cars at scale ${scale} for ${seconds} s (${gridHours.toFixed(1)} grid hours)`);
console.log(`cars kept within ${(report.behindMs / 1_000).toFixed(0)} s of grid time`);
console.log(
  `${report.published} messages, ${(report.measured / seconds).toFixed(0)}/s while measured, ${report.published - messages} lost, ` +
    `${unreadable} unreadable, ${unknownVehicle} of strangers`,
);
console.log(`sent to stored p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, most ${quantile(1)} ms`);
console.log(
  `${report.plugged} plugged in, ${plugged.size} by the ingress; ${profiles} profiles sent, ${report.following} cars follow one`,
);
const oursMs = (user + system) / 1_000;
console.log(`CPU ms a car and grid hour: cars ${perCar(report.cpuMs)}, broker and ingress ${perCar(oursMs)}`);
console.log(`cores busy: cars ${share(report.cpuMs)}, broker and ingress ${share(oursMs)}; PostgreSQL not counted`);
console.log(
  `memory kB a car: cars ${kb(report.residentBytes - report.emptyBytes)} (heap ${kb(report.heapBytes)}), ` +
    `broker and ingress ${kb(rss - emptyBytes)}`,
);
await mqtt.endAsync();
await broker.close();
await database.close();
await postgres.stop();

function share(cpuMs: number): string {
  return (cpuMs / 1_000 / seconds).toFixed(2);
}

function start(order: FleetOrder): ChildProcess {
  const script = fileURLToPath(new URL('./fleetCars.ts', import.meta.url));
  return fork(script, [JSON.stringify(order)], { execArgv: ['--import', 'tsx'] });
}

function reportOf(cars: ChildProcess): Promise<FleetReport> {
  return new Promise((resolve, reject) => {
    cars.on('message', (message) => {
      if (message === 'warm') startedCpu = process.cpuUsage();
      else resolve(message as FleetReport);
    });
    cars.once('error', reject);
    cars.once('exit', (code) => reject(new Error(`the cars ended with ${code}`)));
  });
}

/** Each car that is plugged in gets a profile in every slot, as a plan sends it. Gives how many were sent. */
async function planEverySlot(signal: AbortSignal): Promise<number> {
  let profiles = 0;
  while (!signal.aborted) {
    const nowMs = gridTimeMs(clock, Date.now());
    const slotMs = Math.floor(nowMs / SLOT_MS) * SLOT_MS;
    const intervals = Array.from({ length: SLOTS_AHEAD }, (_, slot) => ({
      startMs: slotMs + slot * SLOT_MS,
      endMs: slotMs + (slot + 1) * SLOT_MS,
      chargeKw: 7,
      computeKw: 1,
    }));
    const profile: SetpointProfile = { planId: String(slotMs), issuedAtMs: Math.round(nowMs), intervals };
    for (const vehicleId of plugged) {
      mqtt.publish(topics.setpoints(vehicleId), JSON.stringify(profile), { qos: 1, retain: true });
      profiles += 1;
    }
    const restMs = slotMs + SLOT_MS - gridTimeMs(clock, Date.now());
    await delay(Math.max(50, restMs / scale), undefined, { signal }).catch(() => {});
  }
  return profiles;
}
