import type { SignalSpan } from '../../store/signals.ts';
import type { Feeder } from '../../store/feeders.ts';
import type { LimitNow } from '../../domain/workflows/gridRegion.ts';

/** What limits each feeder at `nowMs`, which source says so, and until when it is that: the tightest limit holds. */
export function limitsNow(
  signals: readonly SignalSpan[],
  feeders: readonly Pick<Feeder, 'id' | 'failSafeImportKw'>[],
  nowMs: number,
): LimitNow[] {
  const limits = signals.filter(({ kind, endMs }) => kind === 'import_limit' && endMs > nowMs);
  return feeders.map(({ id: feederId, failSafeImportKw }) => {
    const ofFeeder = limits.filter((span) => span.feederId === null || span.feederId === feederId);
    const tightestAt = (atMs: number): SignalSpan | undefined =>
      ofFeeder
        .filter(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)
        .reduce<SignalSpan | undefined>(
          (least, span) => (least && least.value <= span.value ? least : span),
          undefined,
        );
    const now = tightestAt(nowMs);
    const changes = [...new Set(ofFeeder.flatMap(({ startMs, endMs }) => [startMs, endMs]))].sort((a, b) => a - b);
    const untilMs = changes.find((atMs) => atMs > nowMs && tightestAt(atMs)?.value !== now?.value) ?? null;
    return { feederId, limitKw: now?.value ?? failSafeImportKw, source: now?.source ?? null, untilMs };
  });
}
