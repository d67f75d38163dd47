import { readdir, readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';

const FOLDER = new URL('../histories/', import.meta.url);
const WORKFLOWS = [
  'coSchedule',
  'gridRegion',
  'inferenceJob',
  'jobDivision',
  'modelRollout',
  'openAdrVen',
  'parkingSession',
  'shardWave',
  'trainingRun',
];

test('every workflow has a recorded history', async () => {
  expect((await readdir(FOLDER)).sort()).toEqual(WORKFLOWS);
});

test.each(WORKFLOWS)('%s replays its recorded histories with the present code', async (workflow) => {
  const folder = new URL(`${workflow}/`, FOLDER);
  const cases = await readdir(folder);
  expect(cases).not.toEqual([]);
  for (const name of cases) {
    const history = historyFromJSON(JSON.parse(await readFile(new URL(name, folder), 'utf8')));
    // Throws when the present code would do something else than the history says.
    await Worker.runReplayHistory({ workflowBundle: { codePath: inject('workflowBundle') } }, history);
  }
});
