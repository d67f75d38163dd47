import type { CarNightWire } from '../../api/wire/carNight.ts';
import { time } from '../format.ts';
import { t } from '../i18n.ts';

/** Less than this is a trickle. */
const LEAST_KW = 0.05;

/** The rest of the stay in a sentence or three: what it does now, when it charges, when it computes. */
export function nightInWords(night: CarNightWire, nowMs: number): string {
  if (!night.stay) return t('words.away');
  const charging = stretches(night, nowMs, ({ plannedChargeKw }) => plannedChargeKw);
  const computing = stretches(night, nowMs, ({ plannedComputeKw }) => plannedComputeKw);
  const list = (found: readonly { startMs: number; endMs: number }[]): string =>
    found
      .slice(0, 3)
      .map(({ startMs, endMs }) =>
        t('words.stretch', { from: time(startMs, night.timeZone), to: time(endMs, night.timeZone) }),
      )
      .join(t('words.and'));
  return [
    charging.length === 0 ? t('words.noCharge') : t('words.charges', { when: list(charging) }),
    computing.length === 0 ? t('words.noCompute') : t('words.computes', { when: list(computing) }),
  ].join(' ');
}

/** Neighbouring slots ahead in which there is power, as one; the slot that runs belongs to them. */
export function stretches(
  { intervals }: Pick<CarNightWire, 'intervals'>,
  nowMs: number,
  kwOf: (interval: CarNightWire['intervals'][number]) => number | null,
): { startMs: number; endMs: number }[] {
  const found: { startMs: number; endMs: number }[] = [];
  for (const interval of intervals) {
    if (interval.endMs <= nowMs || (kwOf(interval) ?? 0) < LEAST_KW) continue;
    const last = found.at(-1);
    if (last?.endMs === interval.startMs) last.endMs = interval.endMs;
    else found.push({ startMs: interval.startMs, endMs: interval.endMs });
  }
  return found;
}
