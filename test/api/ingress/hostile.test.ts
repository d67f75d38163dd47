import { expect, test } from 'vitest';
import { initialState, restoreState, type FusedState } from '../../../api/ingress/fusedState.ts';
import { fuse, FUSION_RULES, type FusionEvent } from '../../../api/ingress/fusion.ts';
import { FIELD_NAMES } from '../../../api/ingress/parseField.ts';
import { NEW_TRACK, trackMeter, trackPower, trackSoc } from '../../../api/ingress/plausibility.ts';
import { readMessage } from '../../../api/ingress/telemetryMessage.ts';
import { TELEMETRY_BASE, topics } from '../../../domain/names.ts';
import { seededRandom, type Random } from '../../../scheduler/random.ts';

const MESSAGES = 100_000;
const PACK = { batteryKwh: 57.5, charger: { maxKw: 11, minKw: 1.38, efficiency: 0.89 } };

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

/** The signs that a stay may begin on, as the message itself had them. */
function checkArrival(event: FusionEvent, recent: ReadonlyMap<string, number>): void {
  if (event.kind !== 'pluggedIn') return;
  const fresh = event.signs.filter(({ reading }) => reading.live && event.atMs - reading.atMs <= FUSION_RULES.freshMs);
  expect(fresh.length).toBeGreaterThanOrEqual(2);
  for (const { field, reading } of event.signs) expect(recent.get(field)).toBe(reading.atMs);
}

test(`${MESSAGES} hostile messages: no crash, no value that a car cannot have, no stay without two fresh live signs`, () => {
  const random = seededRandom(20_260_114);
  let state: FusedState = initialState(0);
  let energy = NEW_TRACK;
  let atMs = 0;
  let arrivals = 0;
  const lastLive = new Map<string, number>();
  for (let count = 0; count < MESSAGES; count += 1) {
    atMs += Math.floor(random() ** 6 * 600_000);
    const isFitting = random() < 0.3;
    const [field, fitting] = pick(random, FITTING);
    const payload = Buffer.from(isFitting ? fitting : pick(random, PAYLOADS));
    if (!isFitting && random() < 0.2)
      for (let bit = 0; bit < payload.length; bit += 7) payload[bit] = Math.floor(random() * 256);
    const topic = isFitting ? topics.telemetryField(TELEMETRY_BASE, 'VIN', field) : hostileTopic(random);
    const message = readMessage(TELEMETRY_BASE, topic, payload, random() < 0.3);
    if (message.kind === 'meter') energy = trackMeter(energy, PACK, message.reading);
    if (message.kind !== 'telemetry') continue;
    const { input } = message;
    if (input.kind === 'field' && !input.retained) lastLive.set(input.name, atMs);
    const fused = fuse(state, input, atMs);
    for (const event of fused.events) {
      checkArrival(event, lastLive);
      if (event.kind === 'pluggedIn') arrivals += 1;
      if (event.kind === 'socChanged') expect(event.socPercent >= 0 && event.socPercent <= 100).toBe(true);
    }
    state = fused.state;
    if (input.kind === 'field' && typeof input.value === 'number') {
      energy = trackPower(trackSoc(energy, PACK, input.value, atMs), PACK, input.value, 3);
    }
    expect(state.connectionIds.length).toBeLessThanOrEqual(8);
  }
  // What was fused can be stored and read back, and the draw was hostile enough to get in at times.
  expect(restoreState(JSON.parse(JSON.stringify(state)), atMs).plug).toBe(state.plug);
  expect(energy.doubt).not.toBeNull();
  expect(arrivals).toBeGreaterThan(10);
}, 120_000);
