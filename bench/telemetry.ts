/**
 * Telemetry through broker, fusion and store on this machine: messages a second against the broker alone, and the lag
 * from sending to stored at a steady rate. Cars are sent for by a process of its own. Goal at 2,000 messages a second
 * (10,000 cars with 12 fields a minute): nothing lost, p99 of the lag at most 1 s.
 *
 *     npm run bench:telemetry -- [--cars 10000] [--messages 30000] [--rate 2000] [--seconds 15]
 */
import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { startIngress } from '../api/ingress/ingress.ts';
import { openBroker } from '../test/support/openBroker.ts';
import { TELEMETRY_BASE } from '../domain/names.ts';
import { openDatabase } from '../store/database.ts';
import { CELL, enrolFleet } from '../test/support/fleetFixture.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';
import { watchedDatabase } from './support/watchedDatabase.ts';
import type { SendOrder, SendReport } from './telemetrySender.ts';

const { values } = parseArgs({
  options: {
    cars: { type: 'string', default: '10000' },
    messages: { type: 'string', default: '30000' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '15' },
  },
});
const cars = Number(values.cars);
const messages = Number(values.messages);
const rate = Number(values.rate);
const steadyMessages = rate * Number(values.seconds);
const SENDER = fileURLToPath(new URL('./telemetrySender.ts', import.meta.url));

const postgres = await temporaryDatabase();
const database = openDatabase({ url: postgres.url });
await enrolFleet(
  database,
  Array.from({ length: cars }, (_, car) => `car-${car}`),
);
const logger = pino({ level: 'warn' });
const broker = await openBroker(logger);

const alone = await connectAsync(broker.url);
let heard = 0;
alone.on('message', () => (heard += 1));
await alone.subscribeAsync(`${TELEMETRY_BASE}/#`, { qos: 1 });
const brokerRate = await timed(() => heard, { url: broker.url, cars, messages, rate: 0 });
console.log(`broker alone:             ${brokerRate.toFixed(0)} messages/s`);
await alone.endAsync();

const watch = watchedDatabase(database);
const ours = await connectAsync(broker.url);
ours.on('message', (_, payload) => watch.heard(Number(payload.toString())));
const ingress = await startIngress({
  database: watch.database,
  cell: CELL,
  mqtt: ours,
  telemetryBase: TELEMETRY_BASE,
  sessions: { start: async () => {}, unplugged: async () => {} },
  logger,
  now: Date.now,
});
await ingress.subscribed;
// What the broker kept of the first run comes first, and is not counted.
await quiet(() => ingress.counts().messages);
const fullRate = await timed(() => ingress.counts().messages, { url: broker.url, cars, messages, rate: 0 });
console.log(
  `broker, fusion and store: ${fullRate.toFixed(0)} messages/s (${((100 * fullRate) / brokerRate).toFixed(0)} %)`,
);

await quiet(() => ingress.counts().messages);
const before = ingress.counts().messages;
watch.restart();
const { startedRealMs } = await send({ url: broker.url, cars, messages: steadyMessages, rate });
for (let waited = 0; waited < 100 && ingress.counts().messages - before < steadyMessages; waited += 1) await delay(100);
await ingress.close();
const lags = watch.storedRealMs
  .map(({ sequence, realMs }) => realMs - (startedRealMs + (sequence / rate) * 1_000))
  .sort((a, b) => a - b);
const quantile = (share: number): string => (lags[Math.floor(share * (lags.length - 1))] ?? NaN).toFixed(0);
console.log(
  `at ${rate}/s for ${values.seconds} s from ${cars} cars: ${steadyMessages - (ingress.counts().messages - before)} lost; ` +
    `sent to stored p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, most ${quantile(1)} ms (${lags.length} measured)`,
);
await ours.endAsync();
await broker.close();
await database.close();
await postgres.stop();

/** Settles once nothing has come for a second. */
async function quiet(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); await delay(1_000)) before = count();
}

/** Messages a second from the first sent to the last counted. */
async function timed(count: () => number, order: SendOrder): Promise<number> {
  const from = count();
  const { startedRealMs } = await send(order);
  while (count() - from < order.messages) await delay(5);
  return order.messages / ((Date.now() - startedRealMs) / 1_000);
}

function send(order: SendOrder): Promise<SendReport> {
  return new Promise((resolve, reject) => {
    const sender = fork(SENDER, [JSON.stringify(order)], { execArgv: ['--import', 'tsx'] });
    sender.once('message', (report) => resolve(report as SendReport));
    sender.once('error', reject);
  });
}
