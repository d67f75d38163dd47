/** Sends telemetry for `telemetry.ts` and reports when it began. The value of a message is its number in the run. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { TELEMETRY_BASE, topics } from '../domain/names.ts';

export interface SendOrder {
  readonly url: string;
  readonly cars: number;
  readonly messages: number;
  /** Messages a second; 0 as fast as the broker takes them. */
  readonly rate: number;
}
export interface SendReport {
  readonly startedRealMs: number;
}

const MAX_IN_FLIGHT = 2_000;
const order = JSON.parse(process.argv[2] ?? '{}') as SendOrder;
const mqtt = await connectAsync(order.url);
const acknowledged = { count: 0 };
const inFlight = (sent: number): number => sent - acknowledged.count;
const startedRealMs = Date.now();
for (let sequence = 0; sequence < order.messages; sequence += 1) {
  const dueRealMs = order.rate > 0 ? startedRealMs + (sequence / order.rate) * 1_000 : 0;
  while (Date.now() < dueRealMs) await delay(2);
  while (inFlight(sequence) > MAX_IN_FLIGHT) await delay(1);
  const topic = topics.telemetryField(TELEMETRY_BASE, `car-${sequence % order.cars}`, 'BatteryLevel');
  // Within 0 and 100, as a SoC is; it says which message this was.
  mqtt.publish(topic, String(sequence / 1e4), { qos: 1, retain: true }, () => (acknowledged.count += 1));
}
while (inFlight(order.messages) > 0) await delay(5);
process.send?.({ startedRealMs } satisfies SendReport);
await mqtt.endAsync();
process.disconnect?.();
