import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { launchAgent } from '../../../agent/releases/launcher.ts';
import { readSlots, slotFolder, staged, writeSlots } from '../../../agent/releases/slots.ts';
import { eventually } from '../../support/eventually.ts';

const log = pino({ level: 'silent' });
const PATIENCE_MS = 15_000;
let stateDir: string;
let stopping: AbortController;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'nightshift-launcher-'));
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort();
  await rm(stateDir, { recursive: true, force: true });
});

/** A program that writes down that it was started, then does as it is told. */
const program = (name: string, does: string): string =>
  `const { appendFileSync } = await import('node:fs');
   appendFileSync(${JSON.stringify(join(stateDir, 'started'))}, ${JSON.stringify(`${name}\n`)});
   process.on('SIGTERM', () => process.exit(0));
   const alive = setInterval(() => {}, 1000);
   ${does}`;
const HEALTHY = `process.send('healthy');`;

async function started(): Promise<string[]> {
  const text = await readFile(join(stateDir, 'started'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean);
}

/** The installation runs `base`; the next release lies ready. */
async function launch(
  next: string,
  base = '',
  limits: { healthLimitMs?: number; probationMs?: number } = {},
): Promise<number> {
  const baseEntry = join(stateDir, 'base.mjs');
  await writeFile(baseEntry, program('base', base));
  await stage(7, next);
  return launchAgent({
    stateDir,
    baseEntry,
    args: [],
    log,
    stop: stopping.signal,
    healthLimitMs: 10_000,
    probationMs: 200,
    ...limits,
  });
}

async function stage(version: number, source: string): Promise<void> {
  const next = staged(await readSlots(stateDir), { version, entry: 'main.mjs' });
  const folder = slotFolder(stateDir, next.trial?.slot ?? 'a');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'main.mjs'), program(`${version}`, source));
  await writeSlots(stateDir, next);
}

const settled = (what: (state: Awaited<ReturnType<typeof readSlots>>) => boolean) =>
  eventually('the launcher has come to a verdict', PATIENCE_MS, async () => {
    const state = await readSlots(stateDir);
    return what(state) ? state : undefined;
  });

test('a release that says it is healthy and goes on is used from then on, the next one in the other folder', async () => {
  const running = launch(HEALTHY);
  expect(await settled(({ version }) => version === 7)).toMatchObject({
    active: 'a',
    highest: 7,
    failed: [],
    trial: null,
  });
  // It ends for its next release, as agents do.
  await stage(8, HEALTHY);
  expect((await readSlots(stateDir)).trial?.slot).toBe('b');
  stopping.abort();
  expect(await running).toBe(0);
  expect(await started()).toEqual(['7']);
});

const BROKEN = {
  'ends at once': 'process.exit(1);',
  'cannot even be read': 'this is no JavaScript',
  'ends cleanly, but ends': 'process.exit(0);',
  'says that it is healthy, and dies': `${HEALTHY} setTimeout(() => process.exit(1), 100);`,
};
test.each(Object.entries(BROKEN))(
  'a release that %s is left by itself, and the one before goes on',
  async (_, source) => {
    const running = launch(source, '', { probationMs: 1_500 });
    const state = await settled(({ failed }) => failed.length > 0);
    expect(state).toMatchObject({ active: 'base', version: 0, highest: 7, failed: [7], trial: null });
    await eventually('the installation runs again', PATIENCE_MS, async () =>
      (await started()).at(-1) === 'base' ? true : undefined,
    );
    stopping.abort();
    await running;
  },
);

test('a release that hangs without a word is ended, and the one before goes on', async () => {
  const running = launch('', '', { healthLimitMs: 300, probationMs: 100 });
  expect(await settled(({ failed }) => failed.length > 0)).toMatchObject({ active: 'base', failed: [7] });
  await eventually('the installation runs again', PATIENCE_MS, async () =>
    (await started()).at(-1) === 'base' ? true : undefined,
  );
  stopping.abort();
  await running;
});

test('whoever stops the computer in a trial judges no release; one that never comes to a verdict is given up', async () => {
  for (let start = 1; start <= 3; start++) {
    stopping = new AbortController();
    const running = start === 1 ? launch('', '', { healthLimitMs: 60_000 }) : relaunch();
    await eventually('the trial is begun', PATIENCE_MS, async () =>
      (await started()).length === start ? true : undefined,
    );
    stopping.abort();
    await running;
    expect((await readSlots(stateDir)).trial).toMatchObject({ version: 7, starts: start });
  }
  stopping = new AbortController();
  const running = relaunch();
  expect(await settled(({ failed }) => failed.length > 0)).toMatchObject({ active: 'base', failed: [7], trial: null });
  stopping.abort();
  await running;
});

test('an agent that ends without a next release ends the launcher with its code', async () => {
  await writeFile(join(stateDir, 'base.mjs'), program('base', 'process.exit(3);'));
  expect(await relaunch()).toBe(3);
});

function relaunch(): Promise<number> {
  const baseEntry = join(stateDir, 'base.mjs');
  return launchAgent({
    stateDir,
    baseEntry,
    args: [],
    log,
    stop: stopping.signal,
    healthLimitMs: 60_000,
    probationMs: 100,
  });
}
