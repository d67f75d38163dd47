import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { currentNight, nightFolder, saveNight } from '../../demo/nightState.ts';
import { HOUR_MS } from '../../domain/durations.ts';

let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'nightshift-night-'));
});
afterEach(() => rm(stateDir, { recursive: true }));

const START_REAL_MS = Date.UTC(2026, 0, 1);
const LENGTH_MS = 12 * HOUR_MS;
const at = (realMs: number, scale: number) =>
  currentNight(stateDir, LENGTH_MS, START_REAL_MS + realMs, () => Promise.resolve({ scale }));

test('a killed night goes on at the pace at which it began, until its end has passed on its own clock', async () => {
  const begun = await at(0, 120);
  expect(begun).toMatchObject({ scale: 120, finished: false });
  expect(await at(LENGTH_MS / 120 - 1, 240)).toEqual(begun);
  expect(await at(LENGTH_MS / 120, 240)).toMatchObject({ scale: 240, startedRealMs: START_REAL_MS + LENGTH_MS / 120 });
});

test('a finished night is followed by a new one', async () => {
  await saveNight(stateDir, { ...(await at(0, 240)), finished: true });
  expect(await at(1, 60)).toMatchObject({ scale: 60, finished: false });
});

test('what another version left, or half a file, begins anew', async () => {
  await at(0, 240);
  for (const text of ['{"incarnation":"x","startedRealMs":1,"finished":false}', '{"incar']) {
    await writeFile(join(nightFolder(stateDir), 'night.json'), text);
    expect(await at(1, 60)).toMatchObject({ scale: 60 });
  }
});

test('a night that was given something else to do begins anew', async () => {
  const given = (chatModel?: string) =>
    currentNight(stateDir, LENGTH_MS, START_REAL_MS, () => Promise.resolve({ scale: 240 }), chatModel);
  const chats = await given('/models/mine q4');
  expect(await given('/models/mine q4')).toEqual(chats);
  await saveNight(stateDir, { ...chats, batchId: 'of the chats' });
  expect(await given()).not.toHaveProperty('batchId');
});
