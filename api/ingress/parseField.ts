import { positionSchema, type Position } from '../../domain/site.ts';

/**
 * The fields of Tesla's Fleet Telemetry that we read, in the form that its MQTT dispatcher emits.
 * Source: teslamotors/fleet-telemetry, protos/vehicle_data.proto and datastore/mqtt.
 */
const FIELDS = {
  BatteryLevel: numberWithin(0, 100),
  Soc: numberWithin(0, 100),
  ACChargingPower: numberWithin(-1, 50),
  VehicleSpeed: numberWithin(-10, 250),
  OutsideTemp: numberWithin(-60, 65),
  DetailedChargeState: enumOf('DetailedChargeState', [
    'Disconnected',
    'NoPower',
    'Starting',
    'Charging',
    'Complete',
    'Stopped',
  ]),
  ChargePortLatch: enumOf('ChargePortLatch', ['SNA', 'Disengaged', 'Engaged', 'Blocking']),
  ChargingCableType: enumOf('CableType', ['IEC', 'SAE', 'GB_AC', 'GB_DC', 'SNA']),
  LocatedAtHome: enumOf('', ['true', 'false']),
  /** Of a position only whether it is at the car's plug is known: see `positionOf`. */
  Location: enumOf('', ['here', 'elsewhere']),
  Gear: enumOf('ShiftState', ['Invalid', 'P', 'R', 'N', 'D', 'SNA']),
} as const;

/** What no car can mean is read as invalid: it must move nothing. */
interface NumberField {
  readonly least: number;
  readonly most: number;
}
interface EnumField {
  readonly prefix: string;
  readonly names: readonly string[];
}

export type FieldName = keyof typeof FIELDS;
/** Null: the car says that the value is invalid now. */
export type FieldValue = number | string | null;

export const FIELD_NAMES = Object.keys(FIELDS).filter((name): name is FieldName => name in FIELDS);

export function isFieldName(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name);
}

/**
 * The value of a field. Firmware and `prefer_typed` decide whether it comes as 12.3 or "12.3", and as "P" or
 * "ShiftStateP"; all are taken. A name that the enum does not know is "Unknown", and what is no number, or none
 * that a car can mean, is null.
 */
export function parseField(name: FieldName, payload: string): FieldValue {
  const field: NumberField | EnumField = FIELDS[name];
  const value = parseJson(payload);
  if (value === null) return null;
  if ('least' in field) return numberIn(field, value);
  if (typeof value !== 'string' && typeof value !== 'boolean') return 'Unknown';
  const text = String(value);
  const bare = text.startsWith(field.prefix) ? text.slice(field.prefix.length) : text;
  return field.names.includes(bare) ? bare : 'Unknown';
}

/** The position that a `Location` says, as an object or as text of one; null when it says none. */
export function positionOf(payload: string): Position | null {
  const value = parseJson(payload);
  return positionSchema.safeParse(typeof value === 'string' ? parseJson(value) : value).data ?? null;
}

function numberIn({ least, most }: NumberField, value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && least <= number && number <= most ? number : null;
}

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

function numberWithin(least: number, most: number): NumberField {
  return { least, most };
}

function enumOf(prefix: string, names: readonly string[]): EnumField {
  return { prefix, names };
}
