import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { temporalExecutable } from './temporalExecutable.ts';

/** Prepares once what many test files need: the workflow bundle and a Temporal binary. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-test-'));
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  const bundle = join(folder, 'workflow-bundle.js');
  await writeFile(bundle, code);
  project.provide('workflowBundle', bundle);
  project.provide('temporalExecutable', await temporalExecutable());
  return () => rm(folder, { recursive: true, force: true });
}
