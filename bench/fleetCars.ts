/** The cars of `fleet.ts`, in a process of their own: they live on the scaled clock and speak MQTT. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import type { Clock } from '../domain/clock.ts';
import { gridTimeMs } from '../domain/clock.ts';
import { TELEMETRY_BASE, topics } from '../domain/names.ts';
import { SimulatedFleet } from '../simulator/fleet.ts';
import { seededFleet } from '../simulator/seededFleet.ts';

export interface FleetOrder {
  readonly url: string;
  readonly cars: number;
  readonly clock: Clock;
  /** All cars connect in the first grid minute, as none do; what follows that long after is measured. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly probeId: string;
  readonly probeEveryRealMs: number;
}

export interface FleetReport {
  readonly published: number;
  /** Of them, while it was measured. */
  readonly measured: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
  /** Without any car. */
  readonly emptyBytes: number;
  readonly heapBytes: number;
  /** How far the car that lived longest ago was behind the clock at the end, grid time. */
  readonly behindMs: number;
  readonly plugged: number;
  /** Of them, those in a setpoint of a plan that lets them compute. */
  readonly following: number;
  /** Real time at which each probe was sent, by its number. */
  readonly probesRealMs: readonly number[];
}

const GRID_MINUTE_MS = 60_000;
const order = JSON.parse(process.argv[2] ?? '{}') as FleetOrder;
const emptyBytes = process.memoryUsage().rss;
const mqtt = await connectAsync(order.url);
const counted = counting(mqtt);
const startMs = gridTimeMs(order.clock, Date.now());
const fleet = await SimulatedFleet.load({
  scenario: 'bench',
  startMs,
  cars: seededFleet({
    cars: order.cars,
    seed: 1,
    startMs,
    hours: 24,
    faults: [],
    place: 'home',
    regionId: 'oslo',
  }),
  seed: 1,
  clock: order.clock,
  mqtt: counted.client,
  stateFile: null,
  logger: pino({ level: 'warn' }),
  // No car says anything more often than once a grid minute, but for its gear and its plug.
  carEveryRealMs: GRID_MINUTE_MS / order.clock.scale,
});
const living = fleet.run();
await delay(order.warmUpSeconds * 1_000);
const publishedBefore = counted.published();
process.send?.('warm');
const startedCpu = process.cpuUsage();
const probesRealMs: number[] = [];
const endRealMs = Date.now() + order.seconds * 1_000;
while (Date.now() < endRealMs) {
  const topic = topics.telemetryField(TELEMETRY_BASE, order.probeId, 'BatteryLevel');
  counted.client.publish(topic, String(probesRealMs.length / 1e4), { qos: 1 });
  probesRealMs.push(Date.now());
  await delay(order.probeEveryRealMs);
}
const measured = counted.published() - publishedBefore;
const { user, system } = process.cpuUsage(startedCpu);
const { rss, heapUsed } = process.memoryUsage();
const conditions = fleet.hosts.map((host) => host.conditions());
const nowMs = gridTimeMs(order.clock, Date.now());
fleet.stop();
await living;
while (counted.inFlight() > 0) await delay(10);
const plugged = conditions.filter(({ pluggedIn }) => pluggedIn);
process.send?.({
  published: counted.published(),
  measured,
  cpuMs: (user + system) / 1_000,
  residentBytes: rss,
  emptyBytes,
  heapBytes: heapUsed,
  behindMs: nowMs - Math.min(...conditions.map(({ atMs }) => atMs)),
  plugged: plugged.length,
  following: plugged.filter(({ computeAllowed }) => computeAllowed).length,
  probesRealMs,
} satisfies FleetReport);
await mqtt.endAsync();
process.disconnect?.();

/** The client, with what it was asked to publish and what the broker has acknowledged counted. */
function counting(client: MqttClient) {
  let published = 0;
  let acknowledged = 0;
  const publish = client.publish.bind(client);
  client.publish = ((topic: string, payload: string, options: object, done?: (error?: Error) => void) => {
    published += 1;
    return publish(topic, payload, options, (error) => {
      acknowledged += 1;
      done?.(error ?? undefined);
    });
  }) as typeof client.publish;
  return { client, published: () => published, inFlight: () => published - acknowledged };
}
