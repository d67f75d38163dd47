import { topics } from '../domain/names.ts';
import type { MeterReading } from '../domain/setpoints.ts';
import type { ConnectorState } from './ocpp/connector.ts';

/** A retained message about a car. */
export interface CarMessage {
  readonly topic: string;
  readonly payload: string;
}

/**
 * What a charger knows of the car at its plug, as telemetry of that car: whoever reads it does not mind whether the car
 * or its charger said it. Nothing of a charger that is out of reach: what was known is then old, not wrong.
 * @param base topic base of telemetry
 */
export function plugTelemetry(base: string, carId: string, state: ConnectorState): CarMessage[] {
  if (!state.online) return [];
  const field = (name: string, value: unknown): CarMessage => ({
    topic: topics.telemetryField(base, carId, name),
    payload: JSON.stringify(value),
  });
  const { plug, isCharging, powerKw, socPercent } = state;
  if (plug === 'unknown') return [];
  const isPlugged = plug === 'plugged';
  return [
    field('DetailedChargeState', chargeStateOf(isPlugged, isCharging)),
    field('ChargePortLatch', isPlugged ? 'Engaged' : 'Disengaged'),
    ...(powerKw === null ? [] : [field('ACChargingPower', Number(powerKw.toFixed(3)))]),
    ...(socPercent === null ? [] : [field('BatteryLevel', socPercent)]),
  ];
}

function chargeStateOf(isPlugged: boolean, isCharging: boolean): string {
  if (!isPlugged) return 'Disconnected';
  return isCharging ? 'Charging' : 'Stopped';
}

export function meterMessage(carId: string, reading: MeterReading): CarMessage {
  return { topic: topics.meter(carId), payload: JSON.stringify(reading) };
}
