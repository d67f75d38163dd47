import { DateTime } from 'luxon';

import { DAY_MS, MINUTE_MS } from '../domain/durations.ts';
import { NightshiftError } from '../domain/errors.ts';
import type { Sessions, Stay } from './traces/sessions.ts';
import { signalsEndMs, type SignalSeries } from './traces/signals.ts';
import { equipmentOf, siteLimitsKw, type Equipment } from './fleet.ts';
import { nightJobs, type NightJob } from './nights.ts';
import { statedReadyBys } from './statedReadyBy.ts';

export const SLOT_MINUTES = 15;
export const SLOT_MS = SLOT_MINUTES * MINUTE_MS;
export const SLOT_HOURS = SLOT_MINUTES / 60;

export const PRICE_FORECASTS = ['published', 'yesterday', 'last-week'] as const;
export type PriceForecast = (typeof PRICE_FORECASTS)[number];

export interface BacktestOptions {
  /** Zone of owners' clocks, and of nights. */
  readonly timeZone: string;
  /** Zone whose days the day-ahead auction sells. */
  readonly marketZone: string;
  /** `habit`: learnt from earlier nights; `departure`: owners state when they really leave. */
  readonly readyBy: 'habit' | 'departure';
  /** Where the planner has its prices from: the auction as it is published, or the same hour of an earlier day. */
  readonly prices: PriceForecast;
  /** What the planner takes a kWh at the plug to be worth that a car leaves without. */
  readonly missingEurPerKwh: number;
  /** What the planner takes a late shard to be worth. */
  readonly lateEurPerShard: number;
  /** Longest time between two plans; an arrival and a new batch are planned at once. */
  readonly replanMinutes: number;
  readonly carbonEurPerKg: number;
  readonly feederShare: number;
  readonly jobShare: number;
  readonly seed: number;
}

/** A stay with what its owner asked for at plug-in. */
export interface PromisedStay extends Stay {
  readonly readyByMs: number;
  /**
   * Start of the slot in which it is plugged in. It is planned from there on, since a plug-in makes a new plan within
   * seconds, and draws only from plug-in on.
   */
  readonly firstSlotMs: number;
}

/** Everything that happened, and the assumptions that stand for what the traces do not say. */
export interface Scenario {
  readonly options: BacktestOptions;
  readonly signals: SignalSeries;
  /** First slot and end of the backtest. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Stays that begin in it, by plug-in time. */
  readonly stays: readonly PromisedStay[];
  /** Stays that ended before it, from which habits are learnt. */
  readonly earlier: readonly PromisedStay[];
  readonly equipment: ReadonlyMap<string, Equipment>;
  readonly siteLimitKw: ReadonlyMap<string, number>;
  readonly jobs: readonly NightJob[];
}

/**
 * The stays of the days that the signals cover, from noon to noon.
 * @param range first and last day, ISO dates of the local clock; left out: all that the signals cover
 * @throws NightshiftError invalid_request when no stay begins in them
 */
export function createScenario(
  sessions: Sessions,
  signals: SignalSeries,
  options: BacktestOptions,
  range: { readonly from?: string | undefined; readonly to?: string | undefined } = {},
): Scenario {
  const zone = { zone: options.timeZone };
  const coveredFrom = DateTime.fromMillis(signals.startMs, zone).startOf('day').set({ hour: 12 });
  const coveredUntil = DateTime.fromMillis(signalsEndMs(signals), zone).startOf('day').minus({ hours: 12 });
  const fromMs = Math.max(coveredFrom.toMillis(), noonOf(range.from, 'from', zone) ?? -Infinity);
  const untilMs = Math.min(coveredUntil.toMillis(), noonOf(range.to, 'to', zone) ?? Infinity);
  const stays = sessions.stays.filter(
    ({ pluggedInMs }) => pluggedInMs >= fromMs && pluggedInMs < untilMs - LAST_NIGHT_MS,
  );
  if (stays.length === 0) {
    const days = `${new Date(fromMs).toISOString()} to ${new Date(untilMs).toISOString()}`;
    const message = `No session begins from ${days}, where the signals are; --shift-days moves the sessions.`;
    throw new NightshiftError('invalid_request', message, { field: 'sessions' });
  }
  const earlier = sessions.stays.filter(({ pluggedOutMs }) => pluggedOutMs <= fromMs);
  const equipment = equipmentOf(sessions.stays, options.seed);
  return {
    options,
    signals,
    fromMs,
    untilMs,
    stays: promised(stays, earlier, fromMs, options),
    earlier: promised(earlier, [], fromMs, options),
    equipment,
    siteLimitKw: siteLimitsKw(sessions.stays, equipment, options.feederShare),
    jobs: nightJobs(stays, equipment, {
      ...options,
      fromMs,
      untilMs: untilMs - LAST_NIGHT_MS,
      shareOfFleet: options.jobShare,
    }),
  };
}

function promised(
  stays: readonly Stay[],
  earlier: readonly Stay[],
  fromMs: number,
  { timeZone, readyBy }: BacktestOptions,
): PromisedStay[] {
  const stated = statedReadyBys(earlier, stays, timeZone);
  return stays.map((stay, index) => ({
    ...stay,
    readyByMs: readyBy === 'departure' ? stay.pluggedOutMs : (stated[index] ?? stay.pluggedOutMs),
    firstSlotMs: fromMs + Math.floor((stay.pluggedInMs - fromMs) / SLOT_MS) * SLOT_MS,
  }));
}

/** Nobody arrives in the last hours, so that the stays of the last night have their ready-by inside. */
const LAST_NIGHT_MS = DAY_MS;

function noonOf(date: string | undefined, field: string, zone: { zone: string }): number | undefined {
  if (date === undefined) return undefined;
  const day = DateTime.fromISO(date, zone);
  if (!day.isValid) {
    const message = `--${field} must be a date such as 2020-03-01, is ${JSON.stringify(date)}.`;
    throw new NightshiftError('invalid_request', message, { field });
  }
  return day.set({ hour: 12 }).toMillis();
}
