import type { createColors } from 'picocolors';
import type { JournalKind, JournalLine, JournalReason } from '../../domain/journal.ts';
import { wallClock, type Places } from './places.ts';

export type Colors = ReturnType<typeof createColors>;
type ColorName = 'blue' | 'cyan' | 'dim' | 'green' | 'magenta' | 'red' | 'yellow';

/** How a kind is called on the screen, and its colour. */
const KINDS = {
  window_opened: { label: 'window', color: 'green' },
  window_closed: { label: 'window', color: 'dim' },
  limit_changed: { label: 'limit', color: 'yellow' },
  emergency: { label: 'emergency', color: 'red' },
  utility_event: { label: 'utility', color: 'yellow' },
  utility_report: { label: 'report', color: 'green' },
  plan: { label: 'plan', color: 'blue' },
  plugged_in: { label: 'plugged in', color: 'cyan' },
  unplugged: { label: 'unplugged', color: 'cyan' },
  asleep: { label: 'asleep', color: 'dim' },
  woken: { label: 'woken', color: 'cyan' },
  held: { label: 'held', color: 'yellow' },
  wake_failed: { label: 'no answer', color: 'yellow' },
  departure_in_shard: { label: 'drives off', color: 'magenta' },
  handover: { label: 'handover', color: 'magenta' },
  ready_by: { label: 'ready by', color: 'green' },
  job_accepted: { label: 'job', color: 'blue' },
  job_finished: { label: 'job', color: 'green' },
  settled: { label: 'settled', color: 'green' },
  fallback: { label: 'fallback', color: 'yellow' },
  enrolled: { label: 'enrolled', color: 'cyan' },
  car_refused: { label: 'refused', color: 'red' },
  operator: { label: 'operator', color: 'yellow' },
  quarantined: { label: 'caught', color: 'red' },
  recalled: { label: 'recalled', color: 'red' },
  rollout: { label: 'roll-out', color: 'cyan' },
} as const satisfies Record<JournalKind, { label: string; color: ColorName }>;

const LABEL_WIDTH = Math.max(...Object.values(KINDS).map(({ label }) => label.length));
const PLACE_WIDTH = 7;

/** One line of the journal for the terminal: `23:40 Berlin   woken        Cem's ID.4 …`. */
export function journalText(line: JournalLine, places: Places, colors: Colors): string {
  const { label, color } = KINDS[line.kind];
  const place = places.of(line.subject);
  const time = `${wallClock(line.atMs, place)} ${place.name.padEnd(PLACE_WIDTH)}`;
  const reasons = (line.reasons ?? [])
    .filter(({ text }) => !line.message.includes(text))
    .map(reasonText)
    .join('; ');
  const because = reasons === '' ? '' : colors.dim(` (${reasons})`);
  return `${colors.dim(time)}  ${colors[color](label.padEnd(LABEL_WIDTH))}  ${line.message}${because}`;
}

function reasonText({ text, value, limit }: JournalReason): string {
  if (value === undefined) return text;
  return limit === undefined ? `${text}: ${value}` : `${text}: ${value}, limit ${limit}`;
}
