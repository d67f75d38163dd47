/**
 * Records a history of every workflow that a calm night has from the real stack, for test/workflows/replay.test.ts. Those
 * of roll-outs are of test/workflows/modelRollout.test.ts, on a real server.
 *
 *     npm run record-histories
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TrainingClient } from '../../api/client/trainingClient.ts';
import type { TrainingRunWire } from '../../api/wire/training.ts';
import { eventually } from '../support/eventually.ts';
import { Stack } from './support/stack.ts';
import { startTinyTraining } from './support/tinyTraining.ts';

const FOLDER = new URL('../histories/', import.meta.url);
const LIMIT_MS = 150_000;
/** The shortest that shows each workflow at work; histories are committed. */
const WANTED = {
  jobDivision: 'WorkflowType = "jobDivision"',
  gridRegion: 'WorkflowType = "gridRegion"',
  coSchedule: 'WorkflowType = "coSchedule"',
  inferenceJob: 'WorkflowType = "inferenceJob" and ExecutionStatus = "Completed"',
  shardWave: 'WorkflowType = "shardWave" and ExecutionStatus = "Completed"',
  openAdrVen: 'WorkflowType = "openAdrVen"',
  parkingSession: 'WorkflowType = "parkingSession"',
  trainingRun: 'WorkflowType = "trainingRun" and ExecutionStatus = "Completed"',
} as const;

const stack = await Stack.start();
try {
  await stack.finished(await stack.submit(24));
  await trainWithAPause();
  const client = await stack.temporal();
  for (const [workflow, query] of Object.entries(WANTED)) {
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const folder = new URL(`${workflow}/`, FOLDER);
      await mkdir(folder, { recursive: true });
      const file = new URL('calm-night.json', folder);
      await writeFile(file, `${JSON.stringify(JSON.parse(historyToJSON(history)))}\n`);
      console.log(`${fileURLToPath(file)}: ${history.events?.length} events of ${workflowId}`);
      break;
    }
  }
} finally {
  await stack.remove();
}

/** Three rounds, of which the second waits for an operator. */
async function trainWithAPause(): Promise<void> {
  const api = await stack.api();
  const trainings = new TrainingClient(api);
  const id = await startTinyTraining(api, 3);
  const until = (what: string, is: (run: TrainingRunWire) => boolean) =>
    eventually(what, LIMIT_MS, async () => (is(await trainings.read(id)) ? true : undefined));
  await until('a round is under way', ({ rounds }) => rounds.length === 1);
  await trainings.act(id, 'pause');
  await until('the run is paused', ({ state }) => state === 'paused');
  await trainings.act(id, 'resume');
  await until('the run ends', ({ state }) => state === 'completed');
}
