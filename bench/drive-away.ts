/**
 * What departures cost on recorded stays: plugged hours whose work is lost when cars that compute without a pause drive
 * away, with the parts that a shard is cut into and without. Goal: at most 0.1 % of plugged hours lost.
 *
 *     npm run bench:drive-away -- stays.csv [--time-zone Europe/Oslo]
 */
import { HOUR_MS, MINUTE_MS } from '../domain/durations.ts';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { shardSizeOf } from '../domain/shardSize.ts';
import { seededRandom } from '../domain/random.ts';
import { readSessions, type Stay } from '../backtest/traces/sessions.ts';

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
