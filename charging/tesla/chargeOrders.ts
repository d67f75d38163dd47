import { z } from 'zod';

/** What a car has accepted of us in this stay; null: not told yet. */
export const toldSchema = z.object({
  /** The stay that it was told in: in the next one it may have been told otherwise. */
  stay: z.number().nullable(),
  limitPercent: z.number().nullable(),
  amps: z.number().nullable(),
  isCharging: z.boolean().nullable(),
});
export type Told = z.infer<typeof toldSchema>;

export const NOTHING_TOLD: Told = { stay: null, limitPercent: null, amps: null, isCharging: null };

/** What it is to do. Amperes per phase; 0: nothing. */
export interface Wanted {
  readonly amps: number;
  /** The owner's target: the car stops there by itself, also when nobody reaches it any more. */
  readonly limitPercent: number;
}

export interface ChargeOrder {
  readonly command: 'set_charge_limit' | 'set_charging_amps' | 'charge_start' | 'charge_stop';
  readonly body?: Readonly<Record<string, number>>;
  /** What it has been told once this is accepted. */
  readonly after: Partial<Told>;
}

/** The maker's limits for `set_charge_limit`. */
const LIMIT_PERCENT = { least: 50, most: 100 } as const;

/**
 * The commands that are left to give, each of them paid for. Amps come before the start, so that a car never begins with
 * more than it was given; amps are whole and rounded down.
 */
export function chargeOrders(told: Told, { amps, limitPercent }: Wanted): ChargeOrder[] {
  if (amps === 0) {
    return told.isCharging === false ? [] : [{ command: 'charge_stop', after: { isCharging: false } }];
  }
  const whole = Math.floor(amps);
  const percent = Math.min(LIMIT_PERCENT.most, Math.max(LIMIT_PERCENT.least, Math.round(limitPercent)));
  const orders: ChargeOrder[] = [];
  if (told.limitPercent !== percent) {
    orders.push({ command: 'set_charge_limit', body: { percent }, after: { limitPercent: percent } });
  }
  if (told.amps !== whole) {
    orders.push({ command: 'set_charging_amps', body: { charging_amps: whole }, after: { amps: whole } });
  }
  if (told.isCharging !== true) orders.push({ command: 'charge_start', after: { isCharging: true } });
  return orders;
}
