import type { JournalReason } from '../journal.ts';
import type { RolloutSpec } from './rolloutSpec.ts';

/** What computing the same requests with one version came to, as the cars' receipts and failures say. */
export interface VersionWork {
  readonly shards: number;
  /** Attempts at them that failed, other than by a car that had to leave. */
  readonly failedAttempts: number;
  /** By class of computers: lines with their device time (grid time) and their energy. */
  readonly byClass: Readonly<
    Record<string, { readonly lines: number; readonly deviceMs: number; readonly energyWh: number }>
  >;
}

/** What a comparison of two versions on the cars of a wave has shown. */
export interface VersionsCompared {
  /** Requests that the present version has answered. */
  readonly compared: number;
  readonly disagreeing: number;
  /** Mean over those compared; null when none was. */
  readonly meanAgreement: number | null;
  readonly present: VersionWork;
  readonly next: VersionWork;
}

/** Figures of a comparison, each null where nothing can be said. */
export interface VersionFigures {
  readonly disagreement: number | null;
  /** Share of attempts of the next version that failed, less the present version's. */
  readonly moreCrashes: number | null;
  /** Device time of the next version's line by the present one's, on the classes that both ran on. */
  readonly slower: number | null;
  readonly energy: number | null;
}

export function figuresOf({ compared, disagreeing, present, next }: VersionsCompared): VersionFigures {
  const crashes = [next, present].map(({ shards, failedAttempts }) =>
    shards + failedAttempts === 0 ? null : failedAttempts / (shards + failedAttempts),
  );
  return {
    disagreement: compared === 0 ? null : disagreeing / compared,
    moreCrashes: crashes[0] == null ? null : crashes[0] - (crashes[1] ?? 0),
    slower: ratioOf(present, next, ({ deviceMs }) => deviceMs),
    energy: ratioOf(present, next, ({ energyWh }) => energyWh),
  };
}

/** What is beyond its limit, with figure and limit; empty when the next version may go on. */
export function regressions(found: VersionFigures, limits: RolloutSpec['limits']): JournalReason[] {
  const held = [
    [
      'disagreement',
      'share of the compared requests that it answers otherwise',
      found.disagreement,
      limits.disagreement,
    ],
    ['crashes', 'attempts at its shards that fail more often', found.moreCrashes, limits.crashes],
    ['slower', 'times the device time of the present version', found.slower, limits.slower],
    ['energy', 'times the energy of the present version', found.energy, limits.energy],
  ] as const;
  return held.flatMap(([code, text, value, limit]) =>
    value !== null && value > limit ? [{ code: `rollout_${code}`, text, value: rounded(value), limit }] : [],
  );
}

type Work = VersionWork['byClass'][string];

/** Each class by itself, weighed by the lines that the next version did on it: classes differ more than versions. */
function ratioOf(present: VersionWork, next: VersionWork, figure: (work: Work) => number): number | null {
  let weighed = 0;
  let lines = 0;
  for (const [name, work] of Object.entries(next.byClass)) {
    const before = present.byClass[name];
    if (!before || before.lines === 0 || work.lines === 0 || figure(before) <= 0) continue;
    weighed += (figure(work) / work.lines / (figure(before) / before.lines)) * work.lines;
    lines += work.lines;
  }
  return lines === 0 ? null : weighed / lines;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
