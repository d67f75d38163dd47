import { GRID_VOLTAGE_V } from './carSpec.ts';
import type { TelemetryValues } from './telemetryFields.ts';
import type { SimulatedCar } from './vehicle.ts';

const CITY_SPEED_MPH = 28;

/** What the car's fields say now, rounded as its sensors round. */
export function readSensors(car: SimulatedCar): TelemetryValues {
  const { state, spec, pluggedIn, gear } = car;
  const plugKw = car.chargingKw + car.computeKw;
  const soc = round(Math.max(0, state.socPercent - socLiePercent(car)), 1);
  return {
    Soc: soc,
    BatteryLevel: soc,
    Gear: gear,
    VehicleSpeed: state.phase === 'driving' ? CITY_SPEED_MPH : 0,
    ACChargingEnergyIn: pluggedIn ? round(state.chargingKwh + state.computeKwh - state.kwhAtPlugIn, 2) : 0,
    ACChargingPower: round(plugKw, 1),
    ChargeLimitSoc: spec.chargeLimitPercent,
    ChargeAmps: round((plugKw * 1000) / (GRID_VOLTAGE_V * spec.phases), 0),
    ChargerPhases: spec.phases,
    Locked: state.phase === 'parked',
    OutsideTemp: round(car.ambientC, 1),
    ChargePortLatch: pluggedIn ? 'Engaged' : 'Disengaged',
    DetailedChargeState: chargeState(car),
    ChargerVoltage: pluggedIn && state.powered ? GRID_VOLTAGE_V : 0,
    ChargingCableType: pluggedIn ? 'IEC' : 'SNA',
    LocatedAtHome: state.phase !== 'driving' && spec.place !== 'workplace',
  };
}

/** How far the reported SoC is below the true one. */
function socLiePercent({ state, spec, pluggedIn, faults: { socLiesBy = 0 } }: SimulatedCar): number {
  if (socLiesBy === 0 || !pluggedIn) return 0;
  const chargedKwh = state.chargingKwh + state.computeKwh - state.kwhAtPlugIn;
  return (100 * socLiesBy * chargedKwh) / spec.pack.capacityKwh;
}

function chargeState(car: SimulatedCar): string {
  if (!car.pluggedIn) return 'Disconnected';
  if (!car.state.powered) return 'NoPower';
  if (car.chargingKw > 0) return 'Charging';
  return car.full ? 'Complete' : 'Stopped';
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
