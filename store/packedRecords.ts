import { promisify } from 'node:util';
import { constants, deflate, inflate } from 'node:zlib';

import { z } from 'zod';

/**
 * Records of one kind, such as the cars of a plan, in a tenth of what JSON takes: column by column, numbers and series
 * of numbers, or of yes and no, in binary, all of it deflated. What goes in comes out exactly. A number is kept in 32 bits where that loses
 * nothing, else in 64.
 */
type Row = Readonly<Record<string, unknown>>;

const columnSchema = z.object({
  name: z.string(),
  /** `numbers`: one a row. `series`: any number a row; `flags`: of yes or no. `json`: anything else, in the header. */
  kind: z.enum(['numbers', 'series', 'flags', 'json']),
  bits: z.union([z.literal(8), z.literal(32), z.literal(64)]).optional(),
  /** Of the rows that have the field, where some have not. */
  rows: z.array(z.number()).optional(),
  /** Lengths of the series, one where all are as long. */
  lengths: z.array(z.number()).optional(),
  json: z.array(z.unknown()).optional(),
});
type Column = z.infer<typeof columnSchema>;
const headerSchema = z.object({ count: z.number(), columns: z.array(columnSchema) });

const LENGTH_BYTES = 4;
const packed = promisify(deflate);
const unpacked = promisify(inflate);

export async function packRecords(rows: readonly Row[]): Promise<Buffer> {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  const columns: Column[] = [];
  const parts: Buffer[] = [];
  for (const name of names) {
    const { column, numbers } = columnOf(name, rows);
    columns.push(column);
    if (numbers) parts.push(Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  }
  const header = Buffer.from(JSON.stringify({ count: rows.length, columns }));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(header.length);
  return packed(Buffer.concat([length, header, ...parts]), { level: constants.Z_BEST_SPEED });
}

/** @throws Error for bytes that `packRecords` did not write */
export async function unpackRecords(bytes: Buffer): Promise<Record<string, unknown>[]> {
  const all = await unpacked(bytes);
  const headerEnd = LENGTH_BYTES + all.readUInt32LE(0);
  const { count, columns } = headerSchema.parse(JSON.parse(all.toString('utf8', LENGTH_BYTES, headerEnd)));
  const records: Record<string, unknown>[] = Array.from({ length: count }, () => ({}));
  let offset = headerEnd;
  for (const column of columns) {
    const rows = column.rows ?? records.keys();
    const bytesEach = (column.bits ?? 0) / 8;
    const next = (): number => {
      const value = column.bits === 32 ? all.readFloatLE(offset) : all.readDoubleLE(offset);
      offset += bytesEach;
      return value;
    };
    let index = 0;
    for (const row of rows) {
      const record = records[row] ?? {};
      if (column.kind === 'json') record[column.name] = column.json?.[index];
      else if (column.kind === 'numbers') record[column.name] = next();
      else if (column.kind === 'series') record[column.name] = Array.from({ length: lengthAt(column, index) }, next);
      else {
        const end = offset + lengthAt(column, index);
        record[column.name] = Array.from(all.subarray(offset, end), (flag) => flag === 1);
        offset = end;
      }
      index++;
    }
  }
  return records;
}

function columnOf(name: string, rows: readonly Row[]): { readonly column: Column; readonly numbers?: NumberArray } {
  const present: number[] = [];
  const values: unknown[] = [];
  for (const [index, row] of rows.entries()) {
    const value = row[name];
    if (value === undefined) continue;
    present.push(index);
    values.push(value);
  }
  const some = present.length === rows.length ? {} : { rows: present };
  if (values.every(isNumber)) {
    const numbers = smallest(Float64Array.from(values));
    return { column: { name, kind: 'numbers', bits: bitsOf(numbers), ...some }, numbers };
  }
  const series = seriesOf(values, isNumber);
  if (series) {
    const numbers = smallest(series.numbers);
    return { column: { name, kind: 'series', bits: bitsOf(numbers), lengths: series.lengths, ...some }, numbers };
  }
  const flags = seriesOf(values, isFlag);
  if (flags) {
    const numbers = Uint8Array.from(flags.numbers);
    return { column: { name, kind: 'flags', bits: 8, lengths: flags.lengths, ...some }, numbers };
  }
  return { column: { name, kind: 'json', json: values, ...some } };
}

/** All series behind each other, or undefined when one of the values is none. A large cell has millions of numbers. */
function seriesOf(
  values: readonly unknown[],
  fits: (value: unknown) => value is number | boolean,
): { readonly lengths: number[]; readonly numbers: Float64Array } | undefined {
  const lengths: number[] = [];
  let count = 0;
  for (const value of values) {
    if (!Array.isArray(value)) return undefined;
    lengths.push(value.length);
    count += value.length;
  }
  const numbers = new Float64Array(count);
  let next = 0;
  for (const value of values) {
    if (!Array.isArray(value)) continue;
    for (let index = 0; index < value.length; index++) {
      const each: unknown = value[index];
      if (!fits(each)) return undefined;
      numbers[next++] = Number(each);
    }
  }
  const [first = 0] = lengths;
  return { lengths: lengths.every((length) => length === first) ? [first] : lengths, numbers };
}

function lengthAt({ lengths = [] }: Column, index: number): number {
  return (lengths.length === 1 ? lengths[0] : lengths[index]) ?? 0;
}

/** JSON knows no others; -0 would come out of it as 0. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0);
}

function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

type NumberArray = Uint8Array | Float32Array | Float64Array;

function smallest(values: Float64Array): Float32Array | Float64Array {
  for (const value of values) if (Math.fround(value) !== value) return values;
  return Float32Array.from(values);
}

function bitsOf(numbers: Float32Array | Float64Array): 32 | 64 {
  return numbers instanceof Float32Array ? 32 : 64;
}
