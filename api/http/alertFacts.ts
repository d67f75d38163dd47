import { MINUTE_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import type { AlertFacts } from '../../planning/alerts.ts';
import { listFeedStates } from '../../store/feedStates.ts';
import { listConnections } from '../../store/openAdrConnections.ts';
import { countLateCars } from '../../store/telemetryAge.ts';
import type { PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';
import { drawnKw, ENDED_SLOT, readRegionLoads, RUNNING_SLOT } from './regionLoads.ts';

/** Cars repeat themselves every 5 minutes. */
export const LATE_AFTER_MS = 15 * MINUTE_MS;

/** Reads what alerts are made from. */
export async function readAlertFacts(
  { database, cell, now }: Pick<ApiPorts, 'database' | 'cell' | 'now'>,
  forecasts: PlanForecasts,
): Promise<AlertFacts> {
  const nowMs = gridTimeMs(cell.clock, now());
  const [loads, plan, connections, late] = await Promise.all([
    readRegionLoads({ database, cell, now }),
    forecasts.newest(),
    listConnections(database, cell.id),
    countLateCars(database, cell.id, nowMs - LATE_AFTER_MS),
  ]);
  const feeders = loads.flatMap(({ regionId, feeders: ofRegion }) =>
    ofRegion.map(({ feeder, load }) => ({
      id: feeder.id,
      regionId,
      limitKw: load.limitKw[ENDED_SLOT] ?? feeder.failSafeImportKw,
      drawnKw: drawnKw(load),
      emergency: load.limitKw[RUNNING_SLOT] === 0,
    })),
  );
  const feeds: AlertFacts['feeds'][number][] = [];
  for (const { regionId } of loads) {
    feeds.push(...(await listFeedStates(database, regionId)).map((feed) => ({ ...feed, regionId })));
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
