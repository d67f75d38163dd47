import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CHROMIUM } from '../web/browser.ts';
import { writeTinyLlama } from '../support/tinyLlama.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LIMIT_MS = 150_000;
const folder = await mkdtemp(join(tmpdir(), 'nightshift-benches-'));

const STAYS = join(folder, 'stays.csv');
const CARBON = join(folder, 'carbon.csv');
const JOBS = join(folder, 'jobs.csv');
const CHAT_MODEL = join(folder, 'tiny-llama');

/** What each bench is run with here, and what it must print: a figure, of whatever size. */
const SHORT_FORMS: Record<
  string,
  { readonly args: readonly string[]; readonly prints: RegExp; readonly isSkipped?: boolean }
> = {
  'bench:cell': { args: ['--cars', '30', '--cars-per-feeder', '10'], prints: /\| 30 \|/ },
  'bench:drive-away': { args: [STAYS], prints: /2 stays, \d+ plugged hours/ },
  'bench:embeddings': { args: ['--requests', '4', '--batch', '2', '--rounds', '1'], prints: /ratio|times/ },
  'bench:fleet': {
    args: ['--cars', '20', '--warm-up', '1', '--seconds', '2'],
    prints: /CPU ms a car and grid hour: cars \d/,
  },
  'bench:gateway': { args: ['--shards', '24', '--rounds', '1', '--cars', '20'], prints: /median ratio \d/ },
  'bench:generation': {
    args: ['--model', CHAT_MODEL, '--network', 'onnx/model.onnx', '--prompts', '2', '--tokens', '4'],
    prints: /median, bare batched loop: car \d/,
  },
  'bench:idle-agents': { args: ['--agents', '5'], prints: /\d+ MB for 5 idle agents/ },
  'bench:ingest': { args: ['--lines', '200', '--megabytes', '1', '--rounds', '1'], prints: /median \d[\d.]* times/ },
  'bench:lets-wait-awhile': { args: ['--carbon', CARBON, '--jobs', JOBS], prints: /%/ },
  'bench:orchestration': { args: ['--shards', '12', '--rounds', '1'], prints: /median ratio \d/ },
  'bench:page': {
    args: ['--cars', '200', '--seconds', '1', '--rounds', '1'],
    prints: /99th percentile: \d[\d.]* times/,
    isSkipped: CHROMIUM === undefined,
  },
  'bench:planet': {
    args: ['--cars-of-cell', '30', '--messages', '100', '--shards', '12'],
    prints: /MEASURED[\s\S]*ARITHMETIC[\s\S]*EUR a car and year/,
  },
  'bench:planner-speed': { args: ['--cars', '40', '--fleet', '120', '--feeders', '2'], prints: /decomposition/ },
  'bench:planner-vs-highs': { args: ['1'], prints: /decomposition/ },
  'bench:runner': { args: ['--lines', '8', '--rounds', '1'], prints: /median ratio \d/ },
  'bench:shed': { args: ['--cars', '4'], prints: /4 of 4 shards done/ },
  'bench:survival': { args: [STAYS], prints: /Brier/ },
  'bench:telemetry': {
    args: ['--cars', '10', '--messages', '100', '--rate', '50', '--seconds', '1'],
    prints: /0 lost/,
  },
  'bench:training': {
    args: ['--rounds', '1', '--updates', '2', '--weights', '1000'],
    prints: /forward pass \d[\s\S]*2 updates of 1000 weights/,
  },
};

const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

beforeAll(async () => {
  await writeTinyLlama(CHAT_MODEL, { layout: 'huggingface', weights: 'fp32' });
  await writeFile(
    STAYS,
    [
      '"location";"user_id";"session_id";"plugin_time";"plugout_time";"connection_time";"energy_session"',
      '"A";"A_1";"A_11";2019-11-28 19:08:00;2019-11-29 08:20:00;13,2;19,96',
      '"A";"A_2";"A_12";2019-11-29 18:00:00;2019-11-30 07:00:00;13;7',
      '',
    ].join('\r\n'),
  );
  const hours = Array.from({ length: 14 * 24 }, (_, hour) => {
    const at = new Date(Date.UTC(2020, 0, 1, hour)).toISOString().slice(0, 19).replace('T', ' ');
    return `${at},${200 + 100 * (hour % 24 < 12 ? 1 : 0)}`;
  });
  await writeFile(CARBON, ['Time,Carbon Intensity', ...hours, ''].join('\n'));
  await writeFile(JOBS, ['arrival_min,duration_min', '600,120', '2040,60', ''].join('\n'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('benches', () => {
  test('have a short form each, so that none stops working unseen', () => {
    expect(Object.keys(scripts).filter((name) => name.startsWith('bench:'))).toEqual(
      expect.arrayContaining(Object.keys(SHORT_FORMS)),
    );
    for (const name of Object.keys(scripts)) if (name.startsWith('bench:')) expect(SHORT_FORMS).toHaveProperty([name]);
  });

  // The page's needs a Chromium.
  test.each(Object.entries(SHORT_FORMS).filter(([, { isSkipped }]) => isSkipped !== true))(
    '%s runs and prints its figures',
    { timeout: LIMIT_MS },
    async (name, form) => {
      const script = /tsx (\S+)$/.exec(scripts[name] ?? '')?.[1];
      if (script === undefined) throw new Error(`package.json has no script ${name} that ends in "tsx FILE"`);
      // A process of its own: benches install runtimes, fork, and end by themselves.
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', join(ROOT, script), ...form.args],
        {
          cwd: ROOT,
          env: { ...process.env, NO_COLOR: '1' },
          timeout: LIMIT_MS,
        },
      );
      expect(stdout).toMatch(form.prints);
    },
  );
});
