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
/** The process gives way to all others: on a busy machine a second of its work takes half a minute. */
const LIMITS = { cpuSeconds: 30, realMs: 300_000 } as const;
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
 * @throws NightshiftError `model_refused` for what the file is to blame for, `unavailable` when the machine had no time for
 *   it, `internal` when the process could not do its work
 */
export async function inspectFile(
  path: string,
  beside: FilesBeside = {},
  { cpuSeconds, realMs }: { readonly cpuSeconds: number; readonly realMs: number } = LIMITS,
): Promise<InspectedNetwork> {
  const launcher = await findLauncher(MEMORY_BYTES, cpuSeconds);
  const entry = childEntry(import.meta.url, 'inspectProcess');
  const args = [...launcher.execArgv, ...entry.execArgv, entry.modulePath, path, JSON.stringify(beside)];
  let text: string;
  try {
    const { stdout } = await run(launcher.execPath, args, {
      timeout: realMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_ANSWER_BYTES,
      env: { PATH: process.env['PATH'], TZ: 'UTC' },
    });
    text = stdout;
  } catch (error) {
    throw failureOf(error, { cpuSeconds, realMs });
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

const endSchema = z.object({
  /** Whether we ended it. */
  killed: z.boolean().nullish(),
  signal: z.string().nullish(),
  code: z.union([z.number(), z.string()]).nullish(),
  stderr: z.string().optional(),
});

/** Limits that the system holds end the process from outside; then it is the file that asks for too much. */
function failureOf(error: unknown, { cpuSeconds, realMs }: { cpuSeconds: number; realMs: number }): NightshiftError {
  const { killed, signal, code, stderr = '' } = endSchema.safeParse(error).data ?? {};
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    return refused(`what it declares takes more than ${MAX_ANSWER_BYTES} bytes to write down`);
  }
  if (killed === true) {
    const message = `The model was not read within ${realMs / 1_000} s, since the machine is busy; add it again later.`;
    return new NightshiftError('unavailable', message, { field: 'file', cause: error });
  }
  // 128 and above: what a shell makes of a signal.
  if (typeof signal === 'string' || (typeof code === 'number' && code > 128) || stderr.includes(OUT_OF_MEMORY)) {
    return refused(
      `reading it takes more than ${cpuSeconds} s of a processor, or more than ${MEMORY_BYTES / 1024 ** 3} GiB`,
    );
  }
  const why =
    stderr
      .trim()
      .split('\n')
      .findLast((line) => /Error/.test(line)) ?? `code ${String(code)}`;
  const message = `The model was not looked at: the process that reads it failed (${why.trim().slice(0, 300)}).`;
  return new NightshiftError('internal', message, { cause: error });
}

const OUT_OF_MEMORY = 'heap out of memory';
