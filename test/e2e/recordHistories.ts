/**
 * Records a history of every workflow that a calm night has from the real stack, for test/workflows/replay.test.ts. Those
 * of roll-outs and training runs are of test/workflows/modelRollout.test.ts and trainingRun.test.ts, on a real server.
 *
 *     npm run record-histories
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Stack } from './support/stack.ts';

const FOLDER = new URL('../histories/', import.meta.url);
/** The shortest that shows each workflow at work; histories are committed. */
const WANTED = {
  jobDivision: 'WorkflowType = "jobDivision"',
  gridRegion: 'WorkflowType = "gridRegion"',
  coSchedule: 'WorkflowType = "coSchedule"',
  inferenceJob: 'WorkflowType = "inferenceJob" and ExecutionStatus = "Completed"',
  shardWave: 'WorkflowType = "shardWave" and ExecutionStatus = "Completed"',
  openAdrVen: 'WorkflowType = "openAdrVen"',
  parkingSession: 'WorkflowType = "parkingSession"',
} as const;

const stack = await Stack.start();
try {
  await stack.finished(await stack.submit(24));
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
