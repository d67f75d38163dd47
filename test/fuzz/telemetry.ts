import { initialState, restoreState, type FusedState } from '../../api/ingress/fusedState.ts';
import { fuse, FUSION_RULES, type FusionEvent } from '../../api/ingress/fusion.ts';
import { FIELD_NAMES } from '../../api/ingress/parseField.ts';
import { motionSigns } from '../../api/ingress/plugSigns.ts';
import { NEW_TRACK, trackMeter } from '../../api/ingress/plausibility.ts';
import { withEnergy } from '../../api/ingress/stayEnergy.ts';
import { claimUpdateOf } from '../../api/ingress/telemetryClaims.ts';
import { readMessage } from '../../api/ingress/telemetryMessage.ts';
import { carReasonSchema } from '../../domain/claims.ts';
import { TELEMETRY_BASE, topics } from '../../domain/names.ts';
import { seededRandom, type Random } from '../../domain/random.ts';
import { testVehicle } from '../support/fleetFixture.ts';

const VEHICLE = testVehicle('VIN');
const MAX_CONNECTIONS = 8;

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** What a broken, old or hostile sender may put into a payload. */
const PAYLOADS: readonly string[] = [
  'null',
  'true',
  '""',
  '"P"',
  '"D"',
  '"ShiftStateP"',
  '"ShiftStateSNA"',
  '"Charging"',
  '"DetailedChargeStateCharging"',
  '"DetailedChargeStateDisconnected"',
  '"Engaged"',
  '"ChargePortLatchDisengaged"',
  '"IEC"',
  '"CableTypeSNA"',
  '"__proto__"',
  '"constructor"',
  '{"__proto__":{"plug":"plugged"}}',
  '[1,2,3]',
  '1e999',
  '-1e999',
  '-5',
  '"NaN"',
  '"Infinity"',
  '"12,5"',
  '" 41.5 "',
  '101',
  '0',
  '11',
  '99999999999999999999999',
  '{"ConnectionId":"a","Status":"CONNECTED"}',
  '{"ConnectionId":"a","Status":"DISCONNECTED"}',
  '{"ConnectionId":"","Status":"CONNECTED"}',
  '{"ConnectionId":7,"Status":"CONNECTED"}',
  '{"atMs":1e300,"chargingKwh":-1,"computeKwh":0}',
  '{"atMs":0,"chargingKwh":1e308,"computeKwh":1e308}',
  '{"atMs":1000,"chargingKwh":5,"computeKwh":1}',
  '{',
  '\u0000\ufffd',
  'x'.repeat(20_000),
];

/** Fields with values that fit them, so that the draw gets past the reading of a message. */
const FITTING: readonly (readonly [field: string, payload: string])[] = [
  ['Gear', '"P"'],
  ['Gear', '"ShiftStateD"'],
  ['DetailedChargeState', '"DetailedChargeStateCharging"'],
  ['DetailedChargeState', '"DetailedChargeStateDisconnected"'],
  ['ChargePortLatch', '"Engaged"'],
  ['ChargePortLatch', '"Disengaged"'],
  ['ChargingCableType', '"IEC"'],
  ['ACChargingPower', '"7.2"'],
  ['ACChargingPower', '0'],
  ['VehicleSpeed', '0'],
  ['BatteryLevel', '41'],
];

function hostileTopic(random: Random): string {
  const name = pick(random, [...FIELD_NAMES, 'Location', '__proto__', '', '../../etc', '+']);
  return pick(random, [
    topics.telemetryField(TELEMETRY_BASE, 'VIN', name),
    topics.telemetryField(TELEMETRY_BASE, 'VIN', name),
    topics.telemetryField(TELEMETRY_BASE, 'VIN', name),
    topics.connectivity(TELEMETRY_BASE, 'VIN'),
    topics.meter('VIN'),
    `${TELEMETRY_BASE}//v/Gear`,
    `${TELEMETRY_BASE}/VIN/alerts/x/current`,
    'nightshift//meter',
    '/',
  ]);
}

export interface TelemetryFuzzResult {
  readonly messages: number;
  readonly arrivals: number;
  readonly departures: number;
  /** Stays whose energy was found to contradict itself. */
  readonly doubts: number;
}

/**
 * Gives one car's share of the ingress hostile messages: of any topic and bytes, retained or not, minutes apart.
 * @throws Error naming seed and number of the message after which something was enabled that must not be, or that crashed
 */
export function fuzzTelemetry(options: { readonly messages: number; readonly seed: number }): TelemetryFuzzResult {
  const random = seededRandom(options.seed);
  const lastLive = new Map<string, number>();
  const counts = { arrivals: 0, departures: 0, doubts: 0 };
  let state: FusedState = initialState(0);
  let atMs = 0;
  for (let index = 0; index < options.messages; index += 1) {
    atMs += Math.floor(random() ** 6 * 600_000);
    const { topic, payload } = hostileMessage(random);
    try {
      const message = readMessage(TELEMETRY_BASE, topic, payload, random() < 0.3);
      const before = state;
      if (message.kind === 'meter') {
        state = { ...before, energy: trackMeter(before.energy ?? NEW_TRACK, VEHICLE, message.reading) };
      } else if (message.kind === 'telemetry') {
        const { input } = message;
        if (input.kind === 'field' && !input.retained) lastLive.set(input.name, atMs);
        const fused = fuse(before, input, atMs);
        for (const event of fused.events) checkEvent(event, fused.state, lastLive);
        state = withEnergy(before, fused.state, VEHICLE, input, atMs);
        counts.arrivals += fused.events.filter(({ kind }) => kind === 'pluggedIn').length;
        counts.departures += fused.events.filter(({ kind }) => kind === 'unplugged').length;
      }
      checkState(before, state, atMs);
      if (state.energy?.doubt && !before.energy?.doubt) counts.doubts += 1;
    } catch (cause) {
      const shown = payload.subarray(0, 200).toString('base64');
      throw new Error(`seed ${options.seed}, message ${index} on ${topic}: ${String(cause)}\n${shown}`, { cause });
    }
  }
  return { messages: options.messages, ...counts };
}

function hostileMessage(random: Random): { readonly topic: string; readonly payload: Buffer } {
  const isFitting = random() < 0.3;
  const [field, fitting] = pick(random, FITTING);
  if (isFitting) return { topic: topics.telemetryField(TELEMETRY_BASE, 'VIN', field), payload: Buffer.from(fitting) };
  const payload = Buffer.from(pick(random, PAYLOADS));
  if (random() < 0.2) {
    for (let byte = 0; byte < payload.length; byte += 7) payload[byte] = Math.floor(random() * 256);
  }
  return { topic: hostileTopic(random), payload };
}

/** A stay begins and goes on by two fresh live signs, each as the message itself had it, and never on the road. */
function checkEvent(event: FusionEvent, state: FusedState, lastLive: ReadonlyMap<string, number>): void {
  if (event.kind === 'socChanged' && !(event.socPercent >= 0 && event.socPercent <= 100)) throw new Error('SoC');
  if (event.kind !== 'pluggedIn') return;
  const fresh = event.signs.filter(({ reading }) => reading.live && event.atMs - reading.atMs <= FUSION_RULES.freshMs);
  if (fresh.length < 2) throw new Error('a stay began without two fresh live signs');
  if (event.signs.some(({ field, reading }) => lastLive.get(field) !== reading.atMs))
    throw new Error('a sign was made up');
  if (motionSigns(state).length > 0) throw new Error('a stay began on the road');
}

/** What is kept can be stored and read back, is bounded, and trusts nothing again that was doubted in this stay. */
function checkState(before: FusedState, state: FusedState, atMs: number): void {
  const { connectionIds, silentIds, plug, energy } = state;
  if (connectionIds.length > MAX_CONNECTIONS || silentIds.length > MAX_CONNECTIONS) throw new Error('unbounded');
  if (restoreState(JSON.parse(JSON.stringify(state)), atMs).plug !== plug) throw new Error('cannot be read back');
  const isSameStay = before.plug !== 'away' && plug !== 'away';
  if (isSameStay && before.energy?.doubt && !energy?.doubt) throw new Error('a doubt was forgotten');
  for (const reason of claimUpdateOf(VEHICLE.id, before, state, atMs)?.reasons ?? []) carReasonSchema.parse(reason);
}
