import { createHash } from 'node:crypto';
import { DateTime } from 'luxon';
import { gridDay } from '../../domain/gridDay.ts';
import type { JournalLine, JournalReason } from '../../domain/journal.ts';
import { WINDOW_SLOT_MINUTES } from '../../scheduler/regionWindows.ts';
import { EMERGENCY_SOURCE } from '../../scheduler/sources.ts';
import type { Database } from '../../store/database.ts';
import { listFeeders } from '../../store/feeders.ts';
import { appendJournal } from '../../store/journal.ts';
import { readRegion, type Region } from '../../store/regions.ts';
import { readSignals, upsertSignals, type SignalSpan } from '../../store/signals.ts';
import type { GridEmergency, RegionSummary } from '../../workflows/messages.ts';
import type { GridFeed } from './feeds/feed.ts';
import { revisedLimits } from './revisedLimits.ts';
import { summarizeRegion } from './regionSummary.ts';

export interface GridPorts {
  readonly database: Database;
  readonly feedsOf: (region: Region) => readonly GridFeed[];
  readonly carbonEurPerKg: number;
}

export type GridActivities = ReturnType<typeof createGridActivities>;

const HOUR_MS = 3_600_000;
/** Feeds are read further ahead than plans look, so that what moves into a plan's sight is not news by then. */
const FEED_HORIZON_MS = 36 * HOUR_MS;
const PLAN_HORIZON_MS = 24 * HOUR_MS;

interface Refreshed {
  readonly summary: RegionSummary;
  readonly changed: boolean;
}

export function createGridActivities({ database, feedsOf, carbonEurPerKg }: GridPorts) {
  const regionOf = async (regionId: string): Promise<Region> => {
    const region = await readRegion(database, regionId);
    if (!region) throw new Error(`region ${regionId} is not configured`);
    return region;
  };

  return {
    /**
     * Reads all feeds of a region, stores what they say, and sums up what is known at `nowMs` (grid time). `changed`
     * tells whether the feeds said anything new.
     */
    async refreshSignals(request: { regionId: string; nowMs: number }): Promise<Refreshed> {
      const { regionId, nowMs } = request;
      const region = await regionOf(regionId);
      const { startMs } = gridDay(region.timeZone, nowMs);
      const window = { startMs, endMs: nowMs + PLAN_HORIZON_MS };
      const known = await readSignals(database, regionId, window);
      // Side by side, so that a slow source does not hold up the others.
      const reading = { startMs, endMs: nowMs + FEED_HORIZON_MS };
      const failures = await Promise.all(
        feedsOf(region).map(async (feed): Promise<JournalReason[]> => {
          try {
            await upsertSignals(database, await feed.read(reading, nowMs));
            return [];
          } catch (error) {
            const cause = error instanceof Error ? error.message : String(error);
            return [{ code: 'feed_failed', text: `Feed ${feed.name} failed: ${cause}. Stored values are in use.` }];
          }
        }),
      );
      const feeders = await listFeeders(database, region.cellId);
      const feederIds = feeders.filter((feeder) => feeder.regionId === regionId).map((feeder) => feeder.id);
      const signals = await readSignals(database, regionId, window);
      await appendJournal(database, region.cellId, limitLines(region, known, signals, nowMs));
      const summary = summarizeRegion({ region, signals, feederIds, failures: failures.flat(), nowMs, carbonEurPerKg });
      return { summary, changed: digest(signals) !== digest(known) };
    },

    /**
     * Stores an emergency as import limits of 0 on its feeders: the tightest limit of all sources is in force.
     * @returns the feeders that shed
     */
    async limitForEmergency(request: {
      regionId: string;
      cellId: string;
      emergency: GridEmergency;
    }): Promise<string[]> {
      const { regionId, cellId, emergency } = request;
      const feeders = (await listFeeders(database, cellId)).filter((feeder) => feeder.regionId === regionId);
      const named = feeders.filter(
        (feeder) => emergency.feederIds.length === 0 || emergency.feederIds.includes(feeder.id),
      );
      await upsertSignals(
        database,
        named.map((feeder) => ({
          regionId,
          feederId: feeder.id,
          kind: 'import_limit',
          startMs: emergency.startMs,
          endMs: emergency.endMs,
          value: 0,
          unit: 'kW',
          source: `${EMERGENCY_SOURCE}/${emergency.id}`,
          forecast: false,
          fetchedAtMs: emergency.startMs,
        })),
      );
      await appendJournal(database, cellId, [
        {
          atMs: emergency.startMs,
          kind: 'emergency',
          subject: regionId,
          message: `${emergency.message}: no import on ${named.map((feeder) => feeder.id).join(', ')}`,
          dedupeKey: `emergency/${emergency.id}`,
        },
      ]);
      return named.map((feeder) => feeder.id);
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
            dedupeKey: `window/${regionId}/${opens ? window.startMs : window.endMs}`,
          },
        ]);
      }
    },
  };
}

function isJustPast(boundaryMs: number, nowMs: number): boolean {
  return boundaryMs <= nowMs && nowMs - boundaryMs < WINDOW_SLOT_MINUTES * 60_000;
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
