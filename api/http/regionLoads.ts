import { gridTimeMs } from '../../domain/clock.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import { feederTimeline, type LoadTimeline, type TimelineFacts } from '../../planning/regionTimeline.ts';
import { listFeederDraws } from '../../store/feederMeters.ts';
import { listRegionFeeders, type Feeder } from '../../store/feeders.ts';
import { listFeederSlots } from '../../store/feederSlots.ts';
import { listRegions } from '../../store/regions.ts';
import { readSignals } from '../../store/signals.ts';
import type { ApiPorts } from './ports.ts';

/** A region in two slots: the last one that has ended, and the one that runs. */
export interface RegionLoads {
  readonly regionId: string;
  readonly facts: TimelineFacts;
  readonly feeders: readonly { readonly feeder: Feeder; readonly load: LoadTimeline }[];
}

/** Where they stand on the time axis of `RegionLoads`. */
export const [ENDED_SLOT, RUNNING_SLOT] = [0, 1] as const;

/** What a feeder drew in the last slot that has ended, its houses included; null where the cars' meters say nothing. */
export function drawnKw({ meteredChargeKw, meteredComputeKw, houseKw }: LoadTimeline): number | null {
  const charge = meteredChargeKw[ENDED_SLOT] ?? null;
  return charge === null ? null : charge + (meteredComputeKw[ENDED_SLOT] ?? 0) + (houseKw[ENDED_SLOT] ?? 0);
}

/** What was committed and metered on every feeder of the cell just now. */
export async function readRegionLoads({
  database,
  cell,
  now,
}: Pick<ApiPorts, 'database' | 'cell' | 'now'>): Promise<RegionLoads[]> {
  const nowMs = gridTimeMs(cell.clock, now());
  const slotMs = cell.slotMinutes * MINUTE_MS;
  const axis = { startMs: (Math.floor(nowMs / slotMs) - 1) * slotMs, slotMinutes: cell.slotMinutes, count: 2 };
  const window = { startMs: axis.startMs, endMs: axis.startMs + 2 * slotMs };
  const loads: RegionLoads[] = [];
  for (const { id: regionId } of await listRegions(database, cell.id)) {
    const [signals, committed, draws, feeders] = await Promise.all([
      readSignals(database, regionId, window),
      listFeederSlots(database, regionId, window),
      listFeederDraws(database, regionId, window),
      listRegionFeeders(database, regionId),
    ]);
    const facts = { axis, nowMs, signals, committed, draws, plan: undefined };
    loads.push({
      regionId,
      facts,
      feeders: feeders.map((feeder) => ({ feeder, load: feederTimeline(facts, feeder) })),
    });
  }
  return loads;
}
