import { MINUTE_MS } from '../../domain/durations.ts';
import type { Colors } from './journalText.ts';
import { wallClock, type Place } from './places.ts';

const BAR_WIDTH = 24;

/** Where the night is. */
export interface Progress {
  /** Grid time. */
  readonly atMs: number;
  readonly answered: number;
  readonly total: number;
  readonly carsPluggedIn: number;
  readonly carsComputing: number;
  readonly chargingKwh: number;
  readonly computeKwh: number;
  readonly handovers: number;
}

/** The compact line below the journal, cut to the terminal's width. */
export function progressText(progress: Progress, place: Place, columns: number, colors: Colors): string {
  const { answered, total, carsPluggedIn, carsComputing, chargingKwh, computeKwh, handovers } = progress;
  const filled = total === 0 ? 0 : Math.floor((answered / total) * BAR_WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const text = [
    `${wallClock(progress.atMs, place)} ${place.name}`,
    `${bar} ${grouped(answered)} of ${grouped(total)}`,
    `${carsPluggedIn} cars plugged in, ${carsComputing} computing`,
    `charged ${chargingKwh.toFixed(1)} kWh, computed ${computeKwh.toFixed(1)} kWh`,
    `${handovers} handovers`,
  ].join('  ');
  return colors.bold(text.slice(0, Math.max(0, columns - 1)));
}

/** Where the days after the night are. */
export interface DayProgress {
  /** Grid time. */
  readonly atMs: number;
  readonly carsPluggedIn: number;
  /** Grid time at which, by the last days, the next car comes; null when that is not known. */
  readonly nextArrivalMs: number | null;
  /** Real time until then. */
  readonly nextArrivalRealMs: number | null;
}

/** The line that stays once the night is over, cut to the terminal's width. */
export function dayText(progress: DayProgress, place: Place, columns: number, colors: Colors): string {
  const { atMs, carsPluggedIn, nextArrivalMs, nextArrivalRealMs } = progress;
  const next =
    nextArrivalMs === null || nextArrivalRealMs === null
      ? ''
      : `, the next at about ${wallClock(nextArrivalMs, place)} (in ${(nextArrivalRealMs / MINUTE_MS).toFixed(1)} min)`;
  const text = `${wallClock(atMs, place)} ${place.name}  ${carsPluggedIn} cars plugged in${next}`;
  return colors.bold(text.slice(0, Math.max(0, columns - 1)));
}

/** 12345 as `12,345`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
