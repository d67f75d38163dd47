import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { inject } from 'vitest';
import { CONTROL_TASK_QUEUE } from '../../domain/names.ts';
import { attributes } from '../../workflows/searchAttributes.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the pinned Temporal binary, provisioned once a run. */
    temporalExecutable: string;
    /** Path of the workflow bundle, built once a run. */
    workflowBundle: string;
  }
}

Runtime.install({ logger: new DefaultLogger('ERROR') });

/** A real Temporal dev server of the test file's own. End it with `teardown()`. */
export function startTemporal(extraArgs: string[] = []): Promise<TestWorkflowEnvironment> {
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: inject('temporalExecutable') },
      searchAttributes: Object.values(attributes),
      extraArgs,
      log: { format: 'pretty', level: 'error' },
    },
  });
}

/** Runs `work` while a worker of the workflows and the given activities polls the control queue. */
export async function withWorker<Result>(
  { nativeConnection, namespace }: TestWorkflowEnvironment,
  activities: NonNullable<WorkerOptions['activities']>,
  work: () => Promise<Result>,
): Promise<Result> {
  const worker = await Worker.create({
    connection: nativeConnection,
    namespace: namespace ?? 'default',
    taskQueue: CONTROL_TASK_QUEUE,
    workflowBundle: { codePath: inject('workflowBundle') },
    activities,
  });
  return worker.runUntil(work);
}
