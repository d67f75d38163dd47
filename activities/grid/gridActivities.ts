import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import type { GridActivities } from '../../domain/activities/gridActivities.ts';
import { createHash } from 'node:crypto';
import { DateTime } from 'luxon';
import type { JournalLine, JournalReason } from '../../domain/journal.ts';
import { WINDOW_SLOT_MINUTES } from '../../scheduler/regionWindows.ts';
import { EMERGENCY_SOURCE } from '../../scheduler/sources.ts';
import type { Database } from '../../store/database.ts';
import { listFeedStates } from '../../store/feedStates.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { storeEmergency } from '../../store/emergencies.ts';
import { appendJournal } from '../../store/journal.ts';
import { readRegion, saveRegionSummary, type Region } from '../../store/regions.ts';
import { readSignals, type SignalSpan } from '../../store/signals.ts';
import type { GridEmergency, RegionSummary } from '../../domain/workflows/gridRegion.ts';
import type { EmergencyShed } from './emergencyShed.ts';
import type { GridFeed } from './feeds/feed.ts';
import { readFeeds } from './readFeeds.ts';
import { revisedLimits } from '../../planning/importLimits.ts';
import { knownWindow, summarizeRegion } from '../../planning/regionSummary.ts';
import { messageOf } from '../../domain/thrown.ts';

export interface GridPorts {
  readonly database: Database;
  readonly feedsOf: (region: Region) => readonly GridFeed[];
  readonly shed: EmergencyShed;
  readonly carbonEurPerKg: number;
  readonly gridNowMs: () => number;
}

/** Feeds are read further ahead than plans look, so that what moves into a plan's sight is not news by then. */
const FEED_HORIZON_MS = 36 * HOUR_MS;

/** Longer than a source takes with all its retries, shorter than the step may take. */
const FEED_PATIENCE_REAL_MS = 45_000;

export function createGridActivities({
  database,
  feedsOf,
  shed,
  carbonEurPerKg,
  gridNowMs,
}: GridPorts): GridActivities {
  const regionOf = async (regionId: string): Promise<Region> => {
    const region = await readRegion(database, regionId);
    if (!region) throw new Error(`region ${regionId} is not configured`);
    return region;
  };

  return {
    /**
     * Reads all feeds of a region and stores what they say. A feed that hangs is given up in time.
     * @returns whether they said anything new
     */
    async pollFeeds({ regionId, nowMs }: { regionId: string; nowMs: number }): Promise<{ changed: boolean }> {
      const region = await regionOf(regionId);
      const window = knownWindow(region, nowMs);
      const known = await readSignals(database, regionId, window);
      await readFeeds(database, {
        region,
        feeds: feedsOf(region),
        window: { startMs: window.startMs, endMs: nowMs + FEED_HORIZON_MS },
        nowMs,
        patienceRealMs: FEED_PATIENCE_REAL_MS,
      });
      const signals = await readSignals(database, regionId, window);
      await appendJournal(database, region.cellId, limitLines(region, known, signals, nowMs));
      return { changed: digest(signals) !== digest(known) };
    },

    /** Sums up what is stored of a region at `nowMs` (grid time), and tells cars of sheds anew. Asks no feed. */
    async refreshRegion({ regionId, nowMs }: { regionId: string; nowMs: number }): Promise<RegionSummary> {
      const region = await regionOf(regionId);
      const untold = await followSheds(shed, { regionId, nowMs: gridNowMs(), again: true });
      const summary = summarizeRegion({
        region,
        signals: await readSignals(database, regionId, knownWindow(region, nowMs)),
        feeders: await listRegionFeeders(database, regionId),
        feeds: await listFeedStates(database, regionId),
        fallbacks: untold,
        nowMs,
        carbonEurPerKg,
      });
      await saveRegionSummary(database, regionId, summary);
      return summary;
    },

    /**
     * Stores an emergency as import limits of 0 on its feeders. Their cars are told at once, before any plan; a broker
     * that is away must not keep the plan from following.
     * @returns the feeders that shed
     */
    async limitForEmergency(request: {
      regionId: string;
      cellId: string;
      emergency: GridEmergency;
    }): Promise<string[]> {
      const { regionId, cellId, emergency } = request;
      const source = `${EMERGENCY_SOURCE}/${emergency.id}`;
      const feederIds = await storeEmergency(database, cellId, { ...emergency, regionId, source });
      await followSheds(shed, { regionId, nowMs: gridNowMs() });
      return feederIds;
    },

    /** Writes into the journal that an off-peak window opens or closes now. */
    async announceWindow(request: {
      regionId: string;
      cellId: string;
      region: RegionSummary;
      nowMs: number;
    }): Promise<void> {
      const { regionId, cellId, region, nowMs } = request;
      const { timeZone } = await regionOf(regionId);
      const local = (ms: number): string => DateTime.fromMillis(ms, { zone: timeZone }).toFormat('HH:mm');
      const price = region.priceEurPerKwh === null ? '' : `, price was ${region.priceEurPerKwh.toFixed(3)} EUR/kWh`;
      for (const window of region.offPeakWindows) {
        const opens = isJustPast(window.startMs, nowMs);
        if (!opens && !isJustPast(window.endMs, nowMs)) continue;
        await appendJournal(database, cellId, [
          {
            atMs: opens ? window.startMs : window.endMs,
            kind: opens ? 'window_opened' : 'window_closed',
            subject: regionId,
            message: opens ? `Off-peak until ${local(window.endMs)}${price}` : `Off-peak is over${price}`,
            dedupeKey: `window/${regionId}/${opens ? 'opens' : 'closes'}/${opens ? window.startMs : window.endMs}`,
          },
        ]);
      }
    },
  };
}

/** A broker that is away must not keep the region from planning; the next refresh tells the cars. */
async function followSheds(
  shed: EmergencyShed,
  request: Parameters<EmergencyShed['follow']>[0],
): Promise<JournalReason[]> {
  try {
    await shed.follow(request);
    return [];
  } catch (error) {
    const cause = messageOf(error);
    return [{ code: 'shed_not_told', text: `Cars could not be told of an emergency: ${cause}.` }];
  }
}

function isJustPast(boundaryMs: number, nowMs: number): boolean {
  return boundaryMs <= nowMs && nowMs - boundaryMs < WINDOW_SLOT_MINUTES * MINUTE_MS;
}

/** A line for each limit that was revised; the first time that a region's limits are read is no revision. */
function limitLines(
  { id, timeZone }: Region,
  known: readonly SignalSpan[],
  signals: readonly SignalSpan[],
  nowMs: number,
): JournalLine[] {
  const local = (ms: number): string => DateTime.fromMillis(ms, { zone: timeZone }).toFormat('HH:mm');
  return revisedLimits(known, signals).map(({ place, startMs, endMs, fromKw, toKw }) => ({
    atMs: nowMs,
    kind: 'limit_changed',
    subject: id,
    message: `Import limit of ${place ?? id} is ${toKw} kW instead of ${fromKw} from ${local(startMs)} to ${local(endMs)}`,
    dedupeKey: `limit/${id}/${place ?? ''}/${startMs}/${toKw}`,
  }));
}

/** What the signals say, whoever read them and when. */
function digest(signals: readonly SignalSpan[]): string {
  const hash = createHash('sha256');
  for (const { kind, feederId, source, startMs, endMs, value } of signals) {
    hash.update(JSON.stringify([kind, feederId, source, startMs, endMs, value]));
  }
  return hash.digest('hex');
}
