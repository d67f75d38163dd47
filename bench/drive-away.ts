/**
 * What departures cost on recorded stays: plugged hours whose work is lost when cars that compute without a pause drive
 * away, with the parts that a shard is cut into and without; and how well survival is foreseen, each stay from the
 * user's earlier ones only. Goal: at most 0.1 % of plugged hours lost.
 *
 *     npm run bench:drive-away -- stays.csv [--time-zone Europe/Oslo]
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { shardSizeOf } from '../domain/shardSize.ts';
import { localHour } from '../domain/localHour.ts';
import { learnStay, placeOfArrival, survivalCurve, type Habit } from '../scheduler/survival.ts';
import { seededRandom } from '../scheduler/random.ts';
import { readSessions, type Stay } from '../backtest/traces/sessions.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'time-zone': { type: 'string', default: 'Europe/Oslo' } },
});
const [file] = positionals;
if (file === undefined) throw new Error('Give the file of stays.');
const timeZone = values['time-zone'];
const { stays, skipped } = readSessions(await readFile(file, 'utf8'), basename(file), { timeZone, shiftDays: 0 });
const pluggedMs = stays.reduce((sum, stay) => sum + lengthMs(stay), 0);
console.log(
  `${stays.length} stays, ${Math.round(pluggedMs / HOUR_MS)} plugged hours ` +
    `(${skipped.incomplete + skipped.backwards} rows left out)`,
);

// Speeds at which a line is short beside a part: what the cut itself costs.
const MS_PER_LINE = 1_000;
const { linesPerPart } = shardSizeOf([{ deviceMsPerUnit: MS_PER_LINE, measuredMsPerUnit: [MS_PER_LINE] }], 1);
const partMs = linesPerPart * MS_PER_LINE;
console.log(`\nwork lost, % of plugged hours (every car computes all the time)`);
for (const [what, unitMs] of [
  ['no part stored, shards of 15 min', 15 * MINUTE_MS],
  ['no part stored, shards of 5 min', 5 * MINUTE_MS],
  [`parts of ${partMs / 1000} s, every departure abrupt`, partMs],
] as const) {
  console.log(`  ${what.padEnd(48)} ${lostPercent(unitMs, 1).toFixed(3)}`);
}
console.log(`  ${'the same parts, 1 departure in 5 abrupt'.padEnd(48)} ${lostPercent(partMs, 0.2).toFixed(3)}`);

foresee();

function localHourOf(atMs: number) {
  return localHour(timeZone, atMs);
}

function lengthMs(stay: Stay): number {
  return stay.pluggedOutMs - stay.pluggedInMs;
}

/** A car that announces its departure by gear or plug stores what it has; one that vanishes loses the part at hand. */
function lostPercent(unitMs: number, abruptShare: number): number {
  const random = seededRandom(1);
  let lostMs = 0;
  for (const stay of stays) {
    // Shards begin when they come, not when the car is plugged in.
    const begun = random() * unitMs;
    if (random() < abruptShare) lostMs += Math.min(lengthMs(stay), (lengthMs(stay) + begun) % unitMs);
  }
  return (100 * lostMs) / pluggedMs;
}

/** Brier scores of "still there in h hours", asked every second hour of every stay. Lower is better. */
function foresee(): void {
  const habits = new Map<string, Habit>();
  const ended = stays.toSorted((a, b) => a.pluggedOutMs - b.pluggedOutMs);
  const horizons = [1, 4, 8];
  const scores = { always: horizons.map(() => 0), prior: horizons.map(() => 0), learned: horizons.map(() => 0) };
  let asked = 0;
  let next = 0;
  for (const stay of stays) {
    for (; (ended[next]?.pluggedOutMs ?? Infinity) <= stay.pluggedInMs; next += 1) {
      const over = ended[next];
      if (!over) break;
      const stayed = { pluggedInMs: over.pluggedInMs, unpluggedMs: over.pluggedOutMs };
      habits.set(over.userId, learnStay(habits.get(over.userId) ?? {}, stayed, localHourOf));
    }
    const place = placeOfArrival(localHourOf(stay.pluggedInMs));
    for (let fromMs = stay.pluggedInMs; fromMs < stay.pluggedOutMs; fromMs += 2 * HOUR_MS) {
      const question = { place, pluggedInMs: stay.pluggedInMs, fromMs, stepMs: HOUR_MS, count: 9, localHourOf };
      const learned = survivalCurve({ ...question, habit: habits.get(stay.userId) ?? {} });
      const prior = survivalCurve({ ...question, habit: {} });
      asked += 1;
      horizons.forEach((hours, index) => {
        const isThere = fromMs + hours * HOUR_MS < stay.pluggedOutMs ? 1 : 0;
        const add = (list: number[], said: number): void => {
          list[index] = (list[index] ?? 0) + (said - isThere) ** 2;
        };
        add(scores.always, 1);
        add(scores.prior, prior[hours] ?? 0);
        add(scores.learned, learned[hours] ?? 0);
      });
    }
  }
  console.log(`\nstill there in ${horizons.join(' / ')} h: mean squared error over ${asked} questions`);
  for (const [name, list] of Object.entries(scores)) {
    console.log(`  ${name.padEnd(10)} ${list.map((sum) => (sum / asked).toFixed(4)).join('  ')}`);
  }
}
