import { HOUR_MS } from '../../domain/durations.ts';
import { accounts, bookingKeys } from '../../domain/ledger.ts';
import { millionths, priced } from '../../domain/money.ts';
import { workflowIds } from '../../domain/names.ts';
import type { Queryable } from '../../store/database.ts';
import { book } from '../../store/ledger.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import type { Vehicle } from '../../store/vehicles.ts';

/** A check of what one car has answered of a shard. */
export interface PaidCheck {
  readonly jobId: string;
  readonly shard: number;
  /** Of the car's receipts of the shard, hex. */
  readonly shareSha256: string;
  readonly vehicle: Pick<Vehicle, 'id' | 'regionId'>;
  readonly model: string;
  /** How long the trusted computer computed, grid time. */
  readonly deviceMs: number;
  /** Grid time. */
  readonly atMs: number;
}

/** Books what a check has cost, which the margin bears; once for each look. */
export async function bookCheck(tx: Queryable, check: PaidCheck): Promise<void> {
  const { jobId, shard, vehicle, atMs } = check;
  const paying = await readPriceBookAt(tx, atMs);
  const { currency, checking_per_hour: unitPriceMicros } = paying.book;
  const quantityMillionths = millionths(check.deviceMs / HOUR_MS);
  const amountMicros = priced(quantityMillionths, unitPriceMicros);
  const reference = `${workflowIds.job(jobId)}/shard/${shard}`;
  await book(tx, {
    key: bookingKeys.check(reference, vehicle.id, check.shareSha256),
    kind: 'check',
    atMs,
    entries: [
      {
        account: accounts.checking,
        currency,
        amountMicros,
        item: 'check',
        unit: 'h',
        quantityMillionths,
        unitPriceMicros,
      },
      { account: accounts.margin, currency, amountMicros: -amountMicros, item: 'margin' },
    ],
    reference,
    vehicleId: vehicle.id,
    regionId: vehicle.regionId,
    batchId: jobId,
    model: check.model,
    priceBook: paying.version,
  });
}
