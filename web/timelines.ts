import { useMemo } from 'preact/hooks';
import type { TimelineWire } from '../api/wire/timeline.ts';
import { useTopic } from './live.ts';
import { useSession } from './sessionContext.ts';
import { useAsked } from './useAsked.ts';

const HOUR_MS = 3_600_000;
const BEHIND_MS = 10 * HOUR_MS;
const AHEAD_MS = 14 * HOUR_MS;
const STEP_MS = 2 * HOUR_MS;

/** The regions' timelines, a day around now, asked for again with each plan. */
export function useTimelines(regionIds: readonly string[], feeder?: string) {
  const { api, clock } = useSession();
  const plan = useTopic('plan');
  // In steps: an axis that moves with each slot would make the picture crawl.
  const fromMs = Math.floor((clock.now() - BEHIND_MS) / STEP_MS) * STEP_MS;
  const query = new URLSearchParams({
    from: new Date(fromMs).toISOString(),
    to: new Date(fromMs + BEHIND_MS + AHEAD_MS).toISOString(),
    ...(feeder !== undefined && { feeder }),
  });
  const paths = regionIds.map((id) => `/grid/v1/regions/${encodeURIComponent(id)}/timeline?${query.toString()}`);
  const asked = useAsked(`${paths.join()} ${plan?.id}`, () =>
    Promise.all(paths.map((path) => api.get<TimelineWire>(path))),
  );
  return useMemo(() => asked, [asked.answer, asked.error]);
}

/** The slot of a timeline that runs. */
export function slotNow({ start, slot_minutes }: Pick<TimelineWire, 'start' | 'slot_minutes'>, nowMs: number): number {
  return Math.floor((nowMs - Date.parse(start)) / (slot_minutes * 60_000));
}
