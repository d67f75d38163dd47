import { expect, test } from 'vitest';

import { isFieldName, parseField, type FieldName } from '../../../api/ingress/parseField.ts';

test.each<[FieldName, string, unknown]>([
  ['BatteryLevel', '61.5', 61.5],
  ['BatteryLevel', '"61.5"', 61.5],
  ['BatteryLevel', 'null', null],
  ['BatteryLevel', '""', null],
  ['BatteryLevel', '"<invalid>"', null],
  ['BatteryLevel', '1e999', null],
  ['BatteryLevel', 'true', null],
  ['BatteryLevel', '{"a":1}', null],
  ['Gear', '"P"', 'P'],
  ['Gear', '"ShiftStateP"', 'P'],
  ['Gear', '"ShiftStateSNA"', 'SNA'],
  ['Gear', 'P', 'P'],
  ['Gear', 'null', null],
  ['Gear', '"ShiftStateQ"', 'Unknown'],
  ['Gear', '"p"', 'Unknown'],
  ['Gear', '3', 'Unknown'],
  ['Gear', '"toString"', 'Unknown'],
  ['DetailedChargeState', '"DetailedChargeStateCharging"', 'Charging'],
  ['DetailedChargeState', '"Charging"', 'Charging'],
  ['DetailedChargeState', '"DetailedChargeStateUnknown"', 'Unknown'],
  ['ChargePortLatch', '"ChargePortLatchEngaged"', 'Engaged'],
  ['ChargingCableType', '"CableTypeGB_AC"', 'GB_AC'],
])('%s %s is %j', (name, payload, expected) => {
  expect(parseField(name, payload)).toBe(expected);
});

test('only fields that we read are fields', () => {
  expect(isFieldName('Gear')).toBe(true);
  expect(isFieldName('constructor')).toBe(false);
  expect(isFieldName('SentryMode')).toBe(false);
});
