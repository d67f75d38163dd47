/**
 * How far the survival model can be believed: what it says of recorded stays against what came true, each stay judged by
 * a model that has seen only earlier ones. Brier scores by horizon and a calibration table; stays of the first quarter
 * of the time are learned from and not judged.
 *
 *     npm run bench:survival -- stays.csv [--time-zone Europe/Oslo] [--sites ASK,TRO] [--picture docs/survival.svg]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { reliabilityOf } from '../backtest/reliability.ts';
import { statedReadyBys } from '../backtest/statedReadyBy.ts';
import { readSessions } from '../backtest/traces/sessions.ts';
import { drawReliability } from './reliabilityPicture.ts';

const LEARNED_PART = 0.25;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'time-zone': { type: 'string', default: 'Europe/Oslo' },
    sites: { type: 'string' },
    picture: { type: 'string' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('Give the file of stays.');
const timeZone = values['time-zone'];
const sites = values.sites?.split(',');
const all = readSessions(await readFile(file, 'utf8'), basename(file), { timeZone, shiftDays: 0 }).stays;
const chosen = all.filter(({ siteId }) => sites?.includes(siteId) ?? true);
const stated = statedReadyBys([], chosen, timeZone);
const stays = chosen.map((stay, index) => ({
  ...stay,
  readyByMs: stated[index] ?? stay.pluggedOutMs,
  firstSlotMs: stay.pluggedInMs,
}));
const firstMs = stays[0]?.pluggedInMs ?? 0;
const fromMs = firstMs + LEARNED_PART * ((stays.at(-1)?.pluggedInMs ?? 0) - firstMs);
const { brier, bins } = reliabilityOf(stays, fromMs, timeZone);

console.log(`${stays.length} stays, judged from ${new Date(fromMs).toISOString().slice(0, 10)} on\n`);
console.log('| still there in h | Brier score | of always saying the mean |');
console.log('|---|---|---|');
for (const { hours, model, climate } of brier)
  console.log(`| ${hours} | ${model.toFixed(4)} | ${climate.toFixed(4)} |`);
console.log('\n| said | seen | asked |');
console.log('|---|---|---|');
for (const { said, seen, asked } of bins) console.log(`| ${said.toFixed(3)} | ${seen.toFixed(3)} | ${asked} |`);
if (values.picture !== undefined) await writeFile(values.picture, drawReliability(bins));
