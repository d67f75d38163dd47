import { MINUTE_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import type { AlertFacts } from '../../planning/alerts.ts';
import { feederTimeline } from '../../planning/regionTimeline.ts';
import { listFeederDraws } from '../../store/feederMeters.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { listFeederSlots } from '../../store/feederSlots.ts';
import { listFeedStates } from '../../store/feedStates.ts';
import { listConnections } from '../../store/openAdr.ts';
import { listRegions } from '../../store/regions.ts';
import { readSignals } from '../../store/signals.ts';
import { countLateCars } from '../../store/telemetryAge.ts';
import type { PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';

/** Cars repeat themselves every 5 minutes. */
const LATE_AFTER_MS = 15 * MINUTE_MS;

/** Reads what alerts are made from. */
export async function readAlertFacts(
  { database, cell, now }: Pick<ApiPorts, 'database' | 'cell' | 'now'>,
  forecasts: PlanForecasts,
): Promise<AlertFacts> {
  const nowMs = gridTimeMs(cell.clock, now());
  const slotMs = cell.slotMinutes * MINUTE_MS;
  const axis = { startMs: (Math.floor(nowMs / slotMs) - 1) * slotMs, slotMinutes: cell.slotMinutes, count: 2 };
  const window = { startMs: axis.startMs, endMs: axis.startMs + 2 * slotMs };
  const [regions, plan, connections, late] = await Promise.all([
    listRegions(database, cell.id),
    forecasts.newest(),
    listConnections(database, cell.id),
    countLateCars(database, cell.id, nowMs - LATE_AFTER_MS),
  ]);
  const feeders: AlertFacts['feeders'][number][] = [];
  const feeds: AlertFacts['feeds'][number][] = [];
  for (const { id: regionId } of regions) {
    const [signals, committed, draws, ofRegion, feedStates] = await Promise.all([
      readSignals(database, regionId, window, ['import_limit', 'house_load']),
      listFeederSlots(database, regionId, window),
      listFeederDraws(database, regionId, window),
      listRegionFeeders(database, regionId),
      listFeedStates(database, regionId),
    ]);
    feeds.push(...feedStates.map((feed) => ({ ...feed, regionId })));
    for (const feeder of ofRegion) {
      const load = feederTimeline({ axis, nowMs, signals, committed, draws, plan: undefined }, feeder);
      const charge = load.meteredChargeKw[0] ?? null;
      feeders.push({
        id: feeder.id,
        regionId,
        limitKw: load.limitKw[0] ?? feeder.failSafeImportKw,
        drawnKw: charge === null ? null : charge + (load.meteredComputeKw[0] ?? 0) + (load.houseKw[0] ?? 0),
        emergency: load.limitKw[1] === 0,
      });
    }
  }
  return {
    nowMs,
    slotMinutes: cell.slotMinutes,
    plan: plan && { createdAtMs: plan.createdAtMs, unmet: plan.plan.unmet },
    feeders,
    feeds,
    utilities: connections
      .filter(({ isRemoving }) => !isRemoving)
      .map(({ id, regionId, status }) => ({
        id,
        regionId,
        failures: status?.failures ?? 0,
        failure: status?.failure ?? null,
      })),
    ...late,
  };
}
