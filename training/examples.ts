import { z } from 'zod';

import type { TensorSpec, TrainingPipeline } from '../domain/models.ts';
import { parseJson } from '../domain/json.ts';
import type { TrainingTask } from '../domain/training.ts';
import { LABELS } from './losses.ts';
import { sizeOf } from './compile.ts';

/** Examples as they are kept and handed out: of each input, its numbers one example after the other. */
export interface ExampleSet {
  readonly count: number;
  readonly columns: ReadonlyMap<string, Float32Array | Int32Array>;
}

/** A line of a file of examples that cannot be trained with. */
export class BadExample extends Error {
  override readonly name = 'BadExample';
}

const MAX_EXAMPLES = 5_000_000;

/**
 * Reads examples, a JSON object a line: a number or a list of numbers for each input of the model, as nested as it likes.
 * @throws BadExample that names line and field
 */
export async function readExampleFile(
  lines: AsyncIterable<Uint8Array>,
  { inputs }: Pick<TrainingPipeline, 'inputs'>,
): Promise<ExampleSet> {
  const numbers = new Map(inputs.map(({ name }) => [name, [] as number[]]));
  let count = 0;
  let line = 0;
  for await (const bytes of lines) {
    line += 1;
    const text = Buffer.from(bytes).toString('utf8').trim();
    if (text === '') continue;
    const example = z.record(z.string(), z.unknown()).safeParse(parseJson(text)).data;
    if (!example) throw new BadExample(`Line ${line} is no JSON object.`);
    const unknown = Object.keys(example).find((name) => !numbers.has(name));
    if (unknown !== undefined) {
      throw new BadExample(`Line ${line} has "${unknown}"; the model takes ${[...numbers.keys()].join(', ')}.`);
    }
    for (const spec of inputs) addNumbers(numbers.get(spec.name) ?? [], example[spec.name], spec, line);
    count += 1;
    if (count > MAX_EXAMPLES) throw new BadExample(`There are more than ${MAX_EXAMPLES} examples.`);
  }
  if (count === 0) throw new BadExample('The file has no examples.');
  const columns = inputs.map(({ name, datatype }) => {
    const list = numbers.get(name) ?? [];
    return [name, datatype === 'FP32' ? Float32Array.from(list) : Int32Array.from(list)] as const;
  });
  return { count, columns: new Map(columns) };
}

function addNumbers(to: number[], given: unknown, { name, datatype, shape }: TensorSpec, line: number): void {
  const before = to.length;
  const take = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(take);
    else if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new BadExample(`Line ${line}: ${name} is no number or list of numbers.`);
    } else if (datatype !== 'FP32' && !Number.isInteger(value)) {
      throw new BadExample(`Line ${line}: ${name} has ${value}, which is no whole number.`);
    } else to.push(value);
  };
  take(given);
  const wanted = sizeOf(shape.slice(1));
  if (to.length - before !== wanted) {
    throw new BadExample(`Line ${line}: ${name} has ${to.length - before} numbers, not ${wanted}.`);
  }
}

/** The class of each example, where it has one. */
export function classesOf({ count, columns }: ExampleSet): (number | undefined)[] {
  const labels = columns.get(LABELS);
  const each = (labels?.length ?? 0) / count;
  return Array.from({ length: count }, (_, example) => (each === 1 ? labels?.[example] : undefined));
}

/** These examples, as a task has them. */
export function dataOf({ count, columns }: ExampleSet, examples: readonly number[]): TrainingTask['data'] {
  const inputs = [...columns].map(([name, column]) => {
    const each = column.length / count;
    const chosen = column.slice(0, examples.length * each);
    for (const [place, example] of examples.entries()) {
      chosen.set(column.subarray(example * each, (example + 1) * each), place * each);
    }
    return [name, Buffer.from(chosen.buffer, chosen.byteOffset, chosen.byteLength).toString('base64')];
  });
  return { examples: examples.length, inputs: Object.fromEntries(inputs) };
}

const storedSchema = z.object({
  count: z.number().int(),
  columns: z.record(z.string(), z.object({ type: z.enum(['float', 'int']), data: z.string() })),
  /** Of each client, its examples; null in what is tested with. */
  clients: z.array(z.array(z.number().int())).nullable(),
});

export interface StoredExamples {
  readonly examples: ExampleSet;
  readonly clients: readonly (readonly number[])[];
}

export function storedText({ count, columns }: ExampleSet, clients: readonly (readonly number[])[] | null): string {
  const stored = [...columns].map(([name, column]) => {
    const type = column instanceof Float32Array ? 'float' : 'int';
    return [name, { type, data: Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('base64') }];
  });
  return JSON.stringify({ count, columns: Object.fromEntries(stored), clients });
}

export function parseStored(text: string): StoredExamples {
  const { count, columns, clients } = storedSchema.parse(JSON.parse(text));
  const read = Object.entries(columns).map(([name, { type, data }]) => {
    const bytes = Buffer.from(data, 'base64');
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    return [name, type === 'float' ? new Float32Array(own) : new Int32Array(own)] as const;
  });
  return { examples: { count, columns: new Map(read) }, clients: clients ?? [] };
}
