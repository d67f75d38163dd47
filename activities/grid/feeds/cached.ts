import { MINUTE_MS } from '../../../domain/durations.ts';
import type { SignalSpan, TimeWindow } from '../../../store/signals.ts';
import type { GridFeed } from './feed.ts';

interface Kept {
  readonly window: TimeWindow;
  readonly readAtMs: number;
  readonly spans: Promise<SignalSpan[]>;
  failed: boolean;
}

/** A source that failed is asked again only after this: a region that is told of an emergency must not wait for it. */
const FAILURE_KEPT_MS = MINUTE_MS;

/**
 * Answers from memory what was read less than `maxAgeMs` ago (grid time), also to readers that come meanwhile. The
 * window's end moves on with time, so what lies beyond the kept window is left to the next reading.
 */
export function cached(feed: GridFeed, maxAgeMs: number): GridFeed {
  let kept: Kept | undefined;
  return {
    name: feed.name,
    async read(window, nowMs) {
      const ageMs = kept === undefined ? Number.POSITIVE_INFINITY : nowMs - kept.readAtMs;
      const longestMs = kept?.failed ? Math.min(FAILURE_KEPT_MS, maxAgeMs) : maxAgeMs;
      if (kept === undefined || ageMs < 0 || ageMs >= longestMs || window.startMs < kept.window.startMs) {
        const reading: Kept = { window, readAtMs: nowMs, spans: feed.read(window, nowMs), failed: false };
        reading.spans.catch(() => {
          reading.failed = true;
        });
        kept = reading;
      }
      const spans = await kept.spans;
      return spans.filter((span) => span.startMs < window.endMs && span.endMs > window.startMs);
    },
  };
}
