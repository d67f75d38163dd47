import type { SimulatedClass } from '../domain/hardwareClasses.ts';
import type { BatteryPack } from '../scheduler/energy/battery.ts';
import type { Firmware } from './telemetryFields.ts';

export const GRID_VOLTAGE_V = 230;

/** Where a car is plugged in. */
export const PARKING_PLACES = ['home', 'workplace'] as const;
export type ParkingPlace = (typeof PARKING_PLACES)[number];

/** What a simulated car is, apart from what it does. */
export interface CarSpec {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly hardwareClass: SimulatedClass;
  readonly pack: BatteryPack;
  readonly phases: 1 | 3;
  /** The owner's target: the car stops charging there by itself. */
  readonly chargeLimitPercent: number;
  /** No compute below this SoC. */
  readonly computeSocFloorPercent: number;
  /** Charge power at the plug while no setpoint is known. */
  readonly failSafeKw: number;
  readonly firmware: Firmware;
  /** Left out: at home. */
  readonly place?: ParkingPlace;
}
