import { z } from 'zod';
import { NOMINAL_VOLTAGE_V } from '../chargingSchedule.ts';
import type { MeterSample } from './connector.ts';

/** One sampled value, in the form that both versions come to. */
export interface SampledValue {
  readonly measurand: string;
  /** Undefined: of all phases together. */
  readonly phase: string | undefined;
  readonly unit: string;
  readonly value: number;
}

const REGISTER = 'Energy.Active.Import.Register';
const POWER = 'Power.Active.Import';
const CURRENT = 'Current.Import';
const VOLTAGE = 'Voltage';

/** OCPP 1.6: values are text, the unit a word. A value that is no number is left out. */
export const sampled16Schema = z
  .object({
    value: z.string(),
    measurand: z.string().default(REGISTER),
    phase: z.string().optional(),
    unit: z.string().optional(),
  })
  .transform(({ value, measurand, phase, unit }): SampledValue => ({
    measurand,
    phase,
    unit: unit ?? DEFAULT_UNITS[measurand] ?? '',
    value: value.trim() === '' ? Number.NaN : Number(value),
  }));

/** OCPP 2.0.1: values are numbers, the unit has a power of ten. */
export const sampled201Schema = z
  .object({
    value: z.number(),
    measurand: z.string().default(REGISTER),
    phase: z.string().optional(),
    unitOfMeasure: z.object({ unit: z.string().optional(), multiplier: z.number().int().default(0) }).optional(),
  })
  .transform(({ value, measurand, phase, unitOfMeasure }): SampledValue => ({
    measurand,
    phase,
    unit: unitOfMeasure?.unit ?? DEFAULT_UNITS[measurand] ?? '',
    value: value * 10 ** (unitOfMeasure?.multiplier ?? 0),
  }));

const DEFAULT_UNITS: Readonly<Record<string, string>> = {
  [REGISTER]: 'Wh',
  [POWER]: 'W',
  [CURRENT]: 'A',
  [VOLTAGE]: 'V',
};
const FACTORS: Readonly<Record<string, number>> = { Wh: 1, kWh: 1000, W: 0.001, kW: 1 };

/** What the values say together. Power of single phases is summed; without power it follows from the currents. */
export function meterSample(values: readonly SampledValue[]): MeterSample {
  const numbers = values.filter(({ value }) => Number.isFinite(value));
  const total = (measurand: string): number | null => {
    const own = numbers.filter((each) => each.measurand === measurand);
    const whole = own.filter(({ phase }) => phase === undefined);
    // Between phases and neutral, or phase by phase: never both, and "L1-L2" is no share of the whole.
    const parts = own.filter(({ phase }) => /^L[123](-N)?$/.test(phase ?? ''));
    const counted = whole.length > 0 ? whole.slice(-1) : parts;
    if (counted.length === 0) return null;
    return counted.reduce((sum, { value, unit }) => sum + value * (FACTORS[unit] ?? 1), 0);
  };
  const currents = numbers.filter(({ measurand, phase }) => measurand === CURRENT && /^L[123]$/.test(phase ?? ''));
  const amps = currents.length > 0 ? currents.reduce((sum, { value }) => sum + value, 0) : null;
  const soc = numbers.findLast(({ measurand }) => measurand === 'SoC')?.value;
  return {
    registerWh: total(REGISTER),
    powerKw: total(POWER) ?? (amps === null ? null : (amps * NOMINAL_VOLTAGE_V) / 1000),
    socPercent: soc === undefined || soc < 0 || soc > 100 ? null : soc,
  };
}
