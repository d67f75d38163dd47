import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { TENSOR_DATATYPES } from '../../domain/models.ts';
import { childEntry } from '../childEntry.ts';
import { findLauncher } from '../runner/launcher.ts';
import type { FilesBeside, InspectedNetwork, NetworkTensor } from './inspectNetwork.ts';
import { refused } from './refused.ts';

const run = promisify(execFile);
const MEMORY_BYTES = 3 * 1024 ** 3;
const LIMIT_CPU_SECONDS = 30;
/** The process gives way to all others: on a busy machine a second of its work takes half a minute. */
const LIMIT_REAL_MS = 300_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const tensorSchema = z.object({
  name: z.string(),
  datatype: z.enum(TENSOR_DATATYPES).optional(),
  shape: z.array(z.number()).optional(),
});
const answerSchema = z.union([
  z.object({ refusal: z.string() }),
  z.object({
    inspected: z.object({
      inputs: z.array(tensorSchema),
      outputs: z.array(tensorSchema),
      opset: z.number(),
      nodes: z.number(),
      weightBytes: z.number(),
      quantisesDynamically: z.boolean(),
    }),
  }),
]);

/**
 * inspectNetwork in a process under limits: a small file can unpack to more objects than this process has memory for.
 * @param beside sizes of the model's other files in the same folder, by name
 * @throws NightshiftError `model_refused`
 */
export async function inspectFile(path: string, beside: FilesBeside = {}): Promise<InspectedNetwork> {
  const launcher = await findLauncher(MEMORY_BYTES, LIMIT_CPU_SECONDS);
  const entry = childEntry(import.meta.url, 'inspectProcess');
  const args = [...launcher.execArgv, ...entry.execArgv, entry.modulePath, path, JSON.stringify(beside)];
  let text: string;
  try {
    const { stdout } = await run(launcher.execPath, args, {
      timeout: LIMIT_REAL_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_ANSWER_BYTES,
      env: { PATH: process.env['PATH'], TZ: 'UTC' },
    });
    text = stdout;
  } catch {
    throw refused('it cannot be read within the limits of time and memory');
  }
  const answer = answerSchema.parse(JSON.parse(text));
  if ('refusal' in answer) throw new NightshiftError('model_refused', answer.refusal, { field: 'file' });
  const { inputs, outputs, ...rest } = answer.inspected;
  return { ...rest, inputs: inputs.map(withAll), outputs: outputs.map(withAll) };
}

/** JSON has no undefined. */
function withAll({ name, datatype, shape }: z.output<typeof tensorSchema>): NetworkTensor {
  return { name, datatype, shape };
}
