import { withinTime } from '../../domain/withinTime.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { Database } from '../../store/database.ts';
import { keepFeedStates, listFeedStates, recordFeedFailure, recordFeedRead } from '../../store/feedStates.ts';
import { appendJournal } from '../../store/journal.ts';
import type { Region } from '../../store/regions.ts';
import { upsertSignals, type TimeWindow } from '../../store/signals.ts';
import type { GridFeed } from './feeds/feed.ts';
import { messageOf } from '../../domain/thrown.ts';

const LONGEST_FAILURE = 300;

interface FeedReading {
  readonly region: Region;
  readonly feeds: readonly GridFeed[];
  readonly window: TimeWindow;
  /** Grid time. */
  readonly nowMs: number;
  /** A feed that takes longer is left to answer the next reading. */
  readonly patienceRealMs: number;
}

/**
 * Reads the feeds of a region side by side, stores what each says as soon as it has said it, and notes how it went. One
 * that fails leaves what is stored of it in force.
 */
export async function readFeeds(database: Database, reading: FeedReading): Promise<void> {
  const { region, feeds, window, nowMs, patienceRealMs } = reading;
  const regionId = region.id;
  await keepFeedStates(
    database,
    regionId,
    feeds.map(({ name }) => name),
  );
  const before = new Map((await listFeedStates(database, regionId)).map((state) => [state.feed, state]));
  const lines = await Promise.all(
    feeds.map(async (feed): Promise<JournalLine[]> => {
      const failingSinceMs = before.get(feed.name)?.failingSinceMs ?? null;
      const line = (message: string, sinceMs: number, turn: 'fails' | 'works'): JournalLine => ({
        atMs: nowMs,
        kind: 'fallback',
        subject: regionId,
        message: `Feed ${feed.name} ${message}`,
        dedupeKey: `feed/${regionId}/${feed.name}/${sinceMs}/${turn}`,
      });
      try {
        const spans = await withinTime(
          patienceRealMs,
          feed.read(window, nowMs),
          `has not answered within ${patienceRealMs / 1000} s`,
        );
        await upsertSignals(database, spans);
        const readAtMs = spans.reduce((latest, { fetchedAtMs }) => Math.max(latest, fetchedAtMs), -Infinity);
        await recordFeedRead(database, {
          regionId,
          feed: feed.name,
          readAtMs: Number.isFinite(readAtMs) ? readAtMs : nowMs,
        });
        if (failingSinceMs === null) return [];
        const minutes = Math.round((nowMs - failingSinceMs) / MINUTE_MS);
        return [line(`answers again after ${minutes} min`, failingSinceMs, 'works')];
      } catch (error) {
        const failure = messageOf(error).slice(0, LONGEST_FAILURE);
        await recordFeedFailure(database, { regionId, feed: feed.name, atMs: nowMs, failure });
        // Said once, not at every poll until it works again.
        return failingSinceMs === null ? [line(`fails; stored values are in use: ${failure}`, nowMs, 'fails')] : [];
      }
    }),
  );
  await appendJournal(database, region.cellId, lines.flat());
}
