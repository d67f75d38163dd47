import { z } from 'zod';

import { NightshiftError } from '../domain/errors.ts';
import type { ChargeControlPort, CommandOutcome } from './chargeControl.ts';

export interface TeslaChargeOptions {
  /** Of the Fleet API, or of the proxy that signs commands for it. */
  readonly baseUrl: string;
  readonly token: () => Promise<string>;
  /** Of the plug that the car is at. */
  readonly supplyOf: (vehicleId: string) => { readonly phases: 1 | 3; readonly maxAmps: number };
}

type Command = 'charge_start' | 'charge_stop' | 'set_charging_amps' | 'set_charge_limit';

const VOLTAGE_V = 230;
/** IEC 61851: a car draws nothing below. */
const MIN_AMPS = 6;
const TIMEOUT_REAL_MS = 15_000;
/** The maker's limits for `set_charge_limit`. */
const LIMIT_PERCENT = { least: 50, most: 100 } as const;
/** The car does already what it is told. */
const ALREADY = new Set(['charging', 'is_charging', 'not_charging', 'already_set', 'complete']);

const answerSchema = z.object({ response: z.object({ result: z.boolean(), reason: z.string().default('') }) });

/**
 * Commands of Tesla's Fleet API. Amps come before the start, so that a car never begins with more than it was given; a
 * power between two amps is rounded down.
 * Source: Tesla Fleet API, vehicle commands, as documented in 2026; never run against Tesla's servers.
 */
export function teslaChargeControl(options: TeslaChargeOptions): ChargeControlPort & {
  /** Asks a sleeping car to wake up. */
  wake(vehicleId: string): Promise<CommandOutcome>;
} {
  const post = async (path: string, body: unknown): Promise<{ status: number; json: unknown }> => {
    const response = await fetch(`${options.baseUrl}/api/1/vehicles/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await options.token()}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_REAL_MS),
    }).catch((cause: unknown) => {
      throw new NightshiftError('unavailable', 'The Fleet API does not answer.', { cause });
    });
    // Rate limits and outages pass: the caller tries again. 408 says that the car sleeps or has no coverage.
    if (response.status === 429 || response.status >= 500) {
      throw new NightshiftError('unavailable', `The Fleet API answered ${response.status}.`);
    }
    return { status: response.status, json: await response.json().catch(() => undefined) };
  };

  const command = async (vehicleId: string, name: Command, body: unknown = {}): Promise<CommandOutcome> => {
    const { status, json } = await post(`${encodeURIComponent(vehicleId)}/command/${name}`, body);
    if (status === 408) return { accepted: false, reason: 'asleep' };
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return { accepted: false, reason: `${name} answered ${status}` };
    const { result, reason } = answer.data.response;
    return result || ALREADY.has(reason) ? { accepted: true } : { accepted: false, reason };
  };

  return {
    async apply(vehicleId, { chargeKw, limitPercent }) {
      const { phases, maxAmps } = options.supplyOf(vehicleId);
      const amps = Math.min(maxAmps, Math.floor((chargeKw * 1000) / (VOLTAGE_V * phases)));
      if (amps < MIN_AMPS) return command(vehicleId, 'charge_stop');
      const percent = Math.min(LIMIT_PERCENT.most, Math.max(LIMIT_PERCENT.least, Math.round(limitPercent)));
      const steps: readonly [Command, unknown][] = [
        ['set_charge_limit', { percent }],
        ['set_charging_amps', { charging_amps: amps }],
        ['charge_start', {}],
      ];
      for (const [name, body] of steps) {
        const outcome = await command(vehicleId, name, body);
        if (!outcome.accepted) return outcome;
      }
      return { accepted: true };
    },
    async wake(vehicleId) {
      const { status } = await post(`${encodeURIComponent(vehicleId)}/wake_up`, {});
      return status === 200 ? { accepted: true } : { accepted: false, reason: `wake_up answered ${status}` };
    },
  };
}
