import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

// This file runs from dist/build.
const dist = new URL('../', import.meta.url);
const workflowsPath = fileURLToPath(new URL('workflows/index.js', dist));
const bundlePath = fileURLToPath(new URL('workflow-bundle.js', dist));

if (existsSync(workflowsPath)) {
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  // A worker that starts while this runs must find the old bundle or the new one, not half of one.
  writeFileSync(`${bundlePath}.tmp`, code);
  renameSync(`${bundlePath}.tmp`, bundlePath);
}
