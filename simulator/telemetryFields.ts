/**
 * The fields of Tesla's Fleet Telemetry that our cars send, as its vehicle_data.proto numbers and types them, and how
 * the car's telemetry config asks for them.
 * Source: teslamotors/fleet-telemetry, protos/vehicle_data.proto and its MQTT dispatcher.
 */
export interface TelemetryField {
  readonly protoNumber: number;
  /** Prefix of the enum's names in typed form; undefined for numbers and booleans. */
  readonly enumPrefix?: string;
  /** `fast` fields may come every second, the others once per slow interval. */
  readonly fast?: true;
  /** Sent again after the resend interval although nothing changed. */
  readonly resend?: true;
}

export const TELEMETRY_FIELDS = {
  Soc: { protoNumber: 8 },
  Gear: { protoNumber: 10, enumPrefix: 'ShiftState', fast: true, resend: true },
  VehicleSpeed: { protoNumber: 4 },
  ACChargingEnergyIn: { protoNumber: 36 },
  ACChargingPower: { protoNumber: 37 },
  ChargeLimitSoc: { protoNumber: 38 },
  BatteryLevel: { protoNumber: 42, resend: true },
  ChargeAmps: { protoNumber: 49 },
  ChargerPhases: { protoNumber: 51 },
  Locked: { protoNumber: 59 },
  OutsideTemp: { protoNumber: 86 },
  ChargePortLatch: { protoNumber: 118, enumPrefix: 'ChargePortLatch', fast: true },
  DetailedChargeState: { protoNumber: 179, enumPrefix: 'DetailedChargeState', fast: true, resend: true },
  ChargerVoltage: { protoNumber: 184 },
  ChargingCableType: { protoNumber: 185, enumPrefix: 'CableType' },
  LocatedAtHome: { protoNumber: 229 },
} as const satisfies Record<string, TelemetryField>;
export type TelemetryFieldName = keyof typeof TELEMETRY_FIELDS;
export const TELEMETRY_FIELD_NAMES = Object.keys(TELEMETRY_FIELDS).filter(
  (name): name is TelemetryFieldName => name in TELEMETRY_FIELDS,
);
export type TelemetryValue = number | string | boolean;
export type TelemetryValues = Readonly<Record<TelemetryFieldName, TelemetryValue>>;

/** From this field on the protocol has no untyped form. */
const FIRST_ALWAYS_TYPED = 179;

/** `untyped` is what older firmware sends: everything as text, enum names without their prefix. */
export type Firmware = 'typed' | 'untyped';

/** The value as the MQTT dispatcher writes it: bare JSON. */
export function telemetryPayload(name: TelemetryFieldName, value: TelemetryValue, firmware: Firmware): string {
  const field: TelemetryField = TELEMETRY_FIELDS[name];
  if (firmware === 'untyped' && field.protoNumber < FIRST_ALWAYS_TYPED) return JSON.stringify(String(value));
  return JSON.stringify(field.enumPrefix === undefined ? value : `${field.enumPrefix}${value}`);
}
