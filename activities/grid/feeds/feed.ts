import type { SignalSpan, TimeWindow } from '../../../store/signals.ts';

/** A source of grid signals for one region. One file an adapter; cache, retry and merge are decorators. */
export interface GridFeed {
  readonly name: string;
  /**
   * Spans that overlap the window, in the normal form.
   * @param nowMs grid time of the reading, kept as the revision of what it says
   * @throws when the source does not answer or answers nonsense; what is stored then stays in force
   */
  read(window: TimeWindow, nowMs: number): Promise<SignalSpan[]>;
}
