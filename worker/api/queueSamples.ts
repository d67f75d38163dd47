import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Sample } from '../../domain/metrics.ts';
import { cellTaskQueue, CONTROL_TASK_QUEUE, inferenceTaskQueue } from '../../domain/names.ts';
import type { Database } from '../../store/database.ts';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import { listOpenJobs } from '../../store/jobProgress.ts';
import { listRegions } from '../../store/regions.ts';

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;
/** Cells with more queues are told of by the first of them: a scrape must not become a load of its own. */
const MAX_QUEUES = 200;
type Kind = typeof TASK_QUEUE_TYPE_WORKFLOW | typeof TASK_QUEUE_TYPE_ACTIVITY;
const KINDS: readonly Kind[] = [TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY];

/** Reads how long tasks wait in Temporal, by group: those of all cells, of this cell, and of cars for open jobs. */
export function queueSamplesOf(ports: {
  readonly client: Client;
  readonly database: Database;
  readonly cellId: string;
}): () => Promise<readonly Sample[]> {
  const { client, database, cellId } = ports;
  const backlogOf = async (name: string, taskQueueType: Kind) => {
    const { namespace } = client.options;
    const { stats } = await client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType,
      reportStats: true,
    });
    const { seconds, nanos } = stats?.approximateBacklogAge ?? {};
    return {
      tasks: Number(stats?.approximateBacklogCount ?? 0),
      seconds: Number(seconds ?? 0) + (nanos ?? 0) / 1e9,
    };
  };
  const samplesOf = async (
    queue: string,
    asked: readonly (readonly [string, readonly Kind[]])[],
  ): Promise<Sample[]> => {
    const backlogs = await Promise.all(asked.flatMap(([name, kinds]) => kinds.map((kind) => backlogOf(name, kind))));
    const labels = { queue };
    return [
      {
        name: 'nightshift_queue_age_seconds',
        labels,
        value: Math.max(0, ...backlogs.map(({ seconds }) => seconds)),
      },
      { name: 'nightshift_queue_tasks', labels, value: backlogs.reduce((sum, { tasks }) => sum + tasks, 0) },
    ];
  };
  const carQueues = async (): Promise<string[]> => {
    const [regions, classes, jobs] = await Promise.all([
      listRegions(database, cellId),
      listHardwareClasses(database),
      listOpenJobs(database, cellId),
    ]);
    const families = [...new Set(jobs.map(({ model }) => model.family))];
    return regions
      .flatMap((region) =>
        classes.flatMap(({ id }) => families.map((family) => inferenceTaskQueue(region.id, id, family))),
      )
      .slice(0, MAX_QUEUES);
  };
  return async () => {
    const cars = await carQueues();
    const read = await Promise.all([
      samplesOf('control', [[CONTROL_TASK_QUEUE, KINDS]]),
      samplesOf('cell', [[cellTaskQueue(cellId), KINDS]]),
      samplesOf(
        'cars',
        cars.map((name) => [name, [TASK_QUEUE_TYPE_ACTIVITY]]),
      ),
    ]);
    return read.flat();
  };
}
