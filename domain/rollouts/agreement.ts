import { editDistance } from '../editDistance.ts';

/**
 * How much alike the answers of two versions of a model are. Two versions are not expected to give the same numbers, as
 * two computers of one version are (domain/trust/sameAnswer.ts): vectors are held against each other by their angle,
 * texts by the edits between them.
 */

/** What differs between any two answers and says nothing of the model. */
const IGNORED = new Set([
  'id',
  'created',
  'created_at',
  'model',
  'model_name',
  'model_version',
  'usage',
  'system_fingerprint',
]);
/** Longer texts are compared by their beginnings: edits take the square of the length. */
const MAX_COMPARED_CHARS = 2_000;

/** From 0, nothing alike, to 1, the same; of a structure, its least alike piece. NaN agrees with nothing. */
export function agreementOf(answer: unknown, reference: unknown): number {
  if (typeof answer === 'number' && typeof reference === 'number') return numbersAgree(answer, reference);
  if (typeof answer === 'string' && typeof reference === 'string') return textsAgree(answer, reference);
  if (Array.isArray(answer) && Array.isArray(reference)) return listsAgree(answer, reference);
  if (isObject(answer) && isObject(reference)) {
    const names = new Set([...Object.keys(answer), ...Object.keys(reference)].filter((name) => !IGNORED.has(name)));
    return Math.min(1, ...[...names].map((name) => fieldsAgree(name, answer[name], reference[name])));
  }
  return answer === reference ? 1 : 0;
}

/** Vectors may come as base64 of 32-bit floats in place of a list. */
function fieldsAgree(name: string, answer: unknown, reference: unknown): number {
  const isPacked = name === 'embedding' && typeof answer === 'string' && typeof reference === 'string';
  return isPacked ? vectorsAgree(floatsOf(answer), floatsOf(reference)) : agreementOf(answer, reference);
}

function listsAgree(answer: readonly unknown[], reference: readonly unknown[]): number {
  if (answer.length !== reference.length) return 0;
  if (answer.length > 1 && areNumbers(answer) && areNumbers(reference)) return vectorsAgree(answer, reference);
  return reference.reduce<number>((least, piece, index) => Math.min(least, agreementOf(answer[index], piece)), 1);
}

/** Cosine of the angle; 0 where it points away, or is unknown. */
function vectorsAgree(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return 0;
  // Scaled to 1 each: squares of tiny or huge numbers would be 0 or infinite.
  const [scaleA, scaleB] = [largestOf(a), largestOf(b)];
  if (scaleA === 0 && scaleB === 0) return 1;
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (const [index, value] of a.entries()) {
    const x = value / scaleA;
    const y = (b[index] ?? Number.NaN) / scaleB;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  const cosine = dot / Math.sqrt(aa * bb);
  return Number.isFinite(cosine) ? Math.max(0, Math.min(1, cosine)) : 0;
}

function largestOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** 1 less their distance, relative to the larger one, or to 1 where both are small. */
function numbersAgree(a: number, b: number): number {
  if (a === b) return 1;
  const distance = Math.abs(a - b) / Math.max(1, Math.abs(a), Math.abs(b));
  return Number.isFinite(distance) ? Math.max(0, 1 - distance) : 0;
}

/** 1 less the edits that lead from one to the other, relative to the longer one. */
function textsAgree(left: string, right: string): number {
  if (left === right) return 1;
  const a = left.slice(0, MAX_COMPARED_CHARS);
  const b = right.slice(0, MAX_COMPARED_CHARS);
  const longest = Math.max(a.length, b.length);
  return longest === 0 ? 0 : 1 - editDistance(a, b) / longest;
}

function floatsOf(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.byteLength >> 2 }, (_, index) => bytes.readFloatLE(4 * index));
}

function areNumbers(values: readonly unknown[]): values is readonly number[] {
  return values.every((value) => typeof value === 'number');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
