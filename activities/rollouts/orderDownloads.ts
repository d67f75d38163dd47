import { DAY_MS } from '../../domain/durations.ts';
import { grouped } from '../../domain/grouped.ts';
import { allotDownloads, feederHour, type Downloader } from '../../domain/rollouts/allotDownloads.ts';
import { modelKey } from '../../domain/modelOrders.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { knownWindow, summarizeRegion } from '../../planning/regionSummary.ts';
import { CARBON_EUR_PER_KG } from '../../planning/carbonPrice.ts';
import type { Queryable } from '../../store/database.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { listFetchedModels, listOpenModelOrders, saveModelOrders } from '../../store/modelOrders.ts';
import type { Model } from '../../store/models.ts';
import { readRegion } from '../../store/regions.ts';
import { readSignals } from '../../store/signals.ts';

/** A car that is to have a model. */
export interface CarToServe {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly feederId: string;
  /** By when it needs the model; undefined: as the rules say. */
  readonly untilMs?: number;
}

export interface DownloadRules {
  readonly reason: string;
  /** Of one feeder and hour. */
  readonly budgetBytes: number;
  readonly offPeakOnly: boolean;
  readonly nowMs: number;
  /** By when the cars should have it. */
  readonly untilMs: number;
}

/**
 * Orders that these cars fetch the model: those that neither have it nor are to fetch it already. What others fetch on
 * the same feeders counts against the budget.
 */
export async function orderDownloads(
  database: Queryable,
  model: Pick<Model, 'name' | 'version' | 'sha256' | 'manifest'>,
  cars: readonly CarToServe[],
  rules: DownloadRules,
): Promise<void> {
  const { nowMs, budgetBytes, untilMs, reason } = rules;
  const bytes = modelManifestSchema.safeParse(model.manifest).data?.sizeBytes ?? 0;
  const fetched = await listFetchedModels(
    database,
    cars.map(({ vehicleId }) => vehicleId),
  );
  const open = await listOpenModelOrders(database, nowMs);
  const ordered = new Set(
    open.filter((order) => modelKey(order) === modelKey(model)).map(({ vehicleId }) => vehicleId),
  );
  const missing = cars.filter(
    ({ vehicleId }) => !ordered.has(vehicleId) && fetched.get(vehicleId)?.has(modelKey(model)) !== true,
  );
  if (missing.length === 0) return;

  const spent = new Map<string, number>();
  for (const order of open) {
    const key = feederHour(order.feederId, order.fromMs);
    spent.set(key, (spent.get(key) ?? 0) + order.bytes);
  }
  for (const [regionId, inRegion] of grouped(missing, (car) => car.regionId)) {
    const windows = await windowsOf(database, regionId, rules);
    const downloaders = inRegion.map(({ vehicleId, feederId, untilMs: neededMs = untilMs }): Downloader => ({
      vehicleId,
      feederId,
      windows: windows.map(({ startMs, endMs }) => ({ startMs, endMs: Math.min(endMs, neededMs) })),
      bytesPerSecond: speedOf(fetched.get(vehicleId)),
    }));
    const downloads = allotDownloads(downloaders, { bytes, budgetBytes, nowMs, untilMs }, spent);
    const { name, version, sha256 } = model;
    await saveModelOrders(
      database,
      downloads.map((download) => ({ ...download, name, version, sha256, bytes, reason })),
    );
  }
}

/** Off-peak by what is known of the region's prices and limits; where nothing is, any time is as good. */
async function windowsOf(
  database: Queryable,
  regionId: string,
  { offPeakOnly, nowMs, untilMs }: DownloadRules,
): Promise<Downloader['windows']> {
  const anyTime = [{ startMs: nowMs, endMs: untilMs }];
  const region = offPeakOnly ? await readRegion(database, regionId) : undefined;
  if (!region) return anyTime;
  const window = knownWindow(region, nowMs);
  const { offPeakWindows } = summarizeRegion({
    region,
    signals: await readSignals(database, regionId, { ...window, endMs: Math.max(window.endMs, nowMs + DAY_MS) }),
    feeders: await listRegionFeeders(database, regionId),
    feeds: [],
    fallbacks: [],
    nowMs,
    carbonEurPerKg: CARBON_EUR_PER_KG,
  });
  return offPeakWindows.length === 0 ? anyTime : offPeakWindows.filter(({ endMs }) => endMs > nowMs);
}

/** The slowest that it was seen at; null while nothing was. */
function speedOf(
  models: ReadonlyMap<string, { readonly bytes: number; readonly seconds: number }> | undefined,
): number | null {
  const speeds = [...(models?.values() ?? [])].flatMap(({ bytes, seconds }) =>
    bytes > 0 && seconds > 0 ? [bytes / seconds] : [],
  );
  return speeds.length === 0 ? null : Math.min(...speeds);
}
