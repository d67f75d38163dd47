import { fromCurrency, currencyOfRegion } from '../../domain/exchange.ts';
import { microsOf } from '../../domain/money.ts';
import { workflowIds } from '../../domain/names.ts';
import type { PriceBook } from '../../domain/priceBook.ts';
import { nightsInARow } from '../../domain/streak.ts';
import { gridDuring, type GridDuring } from '../../planning/gridDuring.ts';
import { readCharged } from '../../store/batchTerms.ts';
import type { Queryable } from '../../store/database.ts';
import { book } from '../../store/ledger.ts';
import { listPaidStays, stayDuring } from '../../store/parkingSessions.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { addShardFootprint } from '../../store/shardFootprints.ts';
import type { TimeWindow } from '../../store/signals.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import type { BatchPricing } from './batchPricing.ts';
import { computeBooking } from './workBooking.ts';

/** One car's part in an accepted shard, as far as it is paid. */
export interface PaidWork {
  readonly vehicle: Vehicle;
  readonly batchId: string;
  readonly shard: number;
  /** 0, or of a quorum which of the copies it is. */
  readonly copy: number;
  readonly energyWh: number;
  /** Share of it that canaries took, which the submitter does not pay. */
  readonly canaryShare: number;
  readonly units: number;
  /** When it was done, grid time. */
  readonly during: TimeWindow;
  /** Grid time. */
  readonly nowMs: number;
}

/** Charges the submitter, pays the owner and books what the energy cost and emitted; once for each car and shard. */
export async function bookWork(tx: Queryable, pricing: BatchPricing, work: PaidWork): Promise<void> {
  const { vehicle, batchId, shard, copy, energyWh, canaryShare, units, during, nowMs } = work;
  const grid = await gridDuring(tx, vehicle.regionId, during);
  const paying = await readPriceBookAt(tx, nowMs);
  const longestStreak = Math.max(0, ...paying.book.owners.streaks.map(({ nights }) => nights));
  const stays = longestStreak === 0 ? [] : await listPaidStays(tx, vehicle.id, longestStreak * STAYS_PER_NIGHT);
  const [charged] = pricing.capMicros === null ? [] : await readCharged(tx, [batchId]);
  await book(
    tx,
    computeBooking(pricing, paying, {
      car: vehicle,
      batchId,
      reference: `${workflowIds.job(batchId)}/shard/${shard}`,
      copy,
      energyWh,
      canaryShare,
      units,
      offPeakShare: Number(grid.offPeakShare.toFixed(6)),
      energyPriceMicros: energyPriceMicros(paying.book, vehicle, grid),
      streakNights: nightsInARow(stays, vehicle.policy.timeZone, during.endMs),
      chargedMicros: charged?.micros ?? 0,
      stay: await stayDuring(tx, vehicle.id, during),
      atMs: nowMs,
    }),
  );
  const ownWh = energyWh * (1 - canaryShare);
  const kwh = ownWh / 1000;
  await addShardFootprint(tx, {
    jobId: batchId,
    shard,
    energyWh: ownWh,
    gCo2: grid.carbonGPerKwh === undefined ? null : kwh * grid.carbonGPerKwh,
    costEur: grid.priceEurPerKwh === undefined ? null : kwh * grid.priceEurPerKwh,
  });
}

/** Cars come and go a few times a day at most. */
const STAYS_PER_NIGHT = 4;

/** What a kWh costs the owner: their own tariff, else the region's price; below 0 it costs nothing. */
export function energyPriceMicros(
  priceBook: PriceBook,
  { policy, regionId }: Pick<Vehicle, 'policy' | 'regionId'>,
  { priceEurPerKwh }: Pick<GridDuring, 'priceEurPerKwh'>,
): number | undefined {
  const own = policy.energyPricePerKwh;
  if (own !== undefined) {
    return fromCurrency(priceBook, microsOf(own.toFixed(6)), currencyOfRegion(priceBook, regionId));
  }
  if (priceEurPerKwh === undefined) return undefined;
  return fromCurrency(priceBook, microsOf(Math.max(0, priceEurPerKwh).toFixed(6)), 'EUR');
}
