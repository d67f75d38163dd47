import { isAscii } from 'node:buffer';

import { z } from 'zod';

import { isStorableText, storableText } from './storableText.ts';
import type { BatchInputError, BatchInputErrorCode } from './batches.ts';
import { issueText } from './issueText.ts';
import { modelOfEndpoint } from './models.ts';

export const BATCH_LIMITS = { lines: 50_000, bytes: 200 * 1024 * 1024, lineBytes: 8 * 1024 * 1024 } as const;
const MAX_REPORTED_ERRORS = 100;

/** One request of a batch, as it stands in the input. */
export interface BatchLine {
  /** Counts from 1 over the lines of the file. */
  readonly line: number;
  readonly customId: string;
  readonly model: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The line without its line break. */
  readonly bytes: Uint8Array;
}

export interface BatchLineChecker {
  /** Takes the next line of the file. @returns the request, or undefined for a blank or refused line. */
  take(bytes: Uint8Array): BatchLine | undefined;
  /** Whether reading on is of no use: enough errors are known to refuse the file. */
  readonly done: boolean;
  /** After the last line: the file is good if there are no errors, and then all its requests name `model`. */
  finish(): { readonly errors: readonly BatchInputError[]; readonly total: number; readonly model: string | undefined };
}

const CUSTOM_ID_CHARACTERS = 512;
const MODEL_CHARACTERS = 200;
/** Deeper values end in an overflow of the stack of whoever copies or checks them. */
const MAX_DEPTH = 64;

/** Exported for the test that holds `shapedLine` against it. */
export const lineSchema = z.object({
  custom_id: z.string().min(1).max(CUSTOM_ID_CHARACTERS),
  method: z.literal('POST'),
  url: z.string(),
  body: z.looseObject({ model: z.string().min(1).max(MODEL_CHARACTERS).optional() }),
});
type ParsedLine = Pick<z.output<typeof lineSchema>, 'custom_id' | 'url' | 'body'>;

/**
 * Checks the lines of a batch's input one by one: the form of each, that all ask `endpoint` for one model, and that
 * no custom_id comes twice. A file is refused as a whole; the first 100 errors are kept.
 * @param endpoint as the batch names it, e.g. /v1/embeddings, or /v2/models/ocr/infer, which names the model itself.
 */
export function createBatchLineChecker(endpoint: string): BatchLineChecker {
  const endpointModel = modelOfEndpoint(endpoint);
  const errors: BatchInputError[] = [];
  const seen = new Set<string>();
  let line = 0;
  let total = 0;
  let model = endpointModel;

  const refuse = (code: BatchInputErrorCode, message: string, param: string | null = null): undefined => {
    errors.push({ code, line, message: storableText(message), param });
  };

  return {
    get done() {
      return errors.length >= MAX_REPORTED_ERRORS || total > BATCH_LIMITS.lines;
    },
    take: (bytes) => {
      line += 1;
      const parsed = parseLine(bytes);
      if (parsed === 'blank') return undefined;
      total += 1;
      if (total > BATCH_LIMITS.lines) {
        if (total > BATCH_LIMITS.lines + 1) return undefined;
        return refuse('too_many_tasks', `A batch has at most ${BATCH_LIMITS.lines} requests.`);
      }
      if ('problem' in parsed) return refuse('invalid_json_line', parsed.problem, parsed.param);
      const { custom_id: customId, url, body } = parsed;
      if (seen.has(customId)) {
        return refuse('duplicate_custom_id', `The custom_id "${customId}" was used before.`, 'custom_id');
      }
      seen.add(customId);
      if (url !== endpoint) {
        return refuse('url_mismatch', `The url must be the batch's endpoint, ${endpoint}.`, 'url');
      }
      const named = endpointModel ?? body.model;
      if (named === undefined) return refuse('invalid_json_line', 'body.model is missing.', 'body.model');
      if (!isStorableText(named)) {
        return refuse(
          'invalid_json_line',
          'body.model has a character that is no text (NUL or half a pair).',
          'body.model',
        );
      }
      model ??= named;
      if (named !== model) {
        return refuse(
          'model_mismatch',
          `All requests must name one model; the first one names "${model}".`,
          'body.model',
        );
      }
      return { line, customId, model, body, bytes };
    },
    finish: () => {
      if (total > 0) return { errors, total, model };
      const empty = { code: 'empty_file', line: null, message: 'The file has no requests.', param: null } as const;
      return { errors: [empty], total, model: undefined };
    },
  };
}

/** Stands for a line longer than the limit, whose bytes were not kept. */
const TOO_LONG = new Uint8Array();

/**
 * Cuts a stream at its line breaks; holds at most one line of the permitted length in memory. A byte order mark at the
 * start of the file is no part of its first line; anywhere else it is, and no JSON.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const lines of linesByChunk(chunks)) yield* lines;
}

/**
 * As `linesOf`, all lines together that end in one chunk: to wait for each of 50,000 lines takes a third as long as to
 * parse them.
 */
export async function* linesByChunk(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  let isFirst = true;
  const gather = (piece: Uint8Array): void => {
    pieceBytes += piece.byteLength;
    if (pieceBytes <= BATCH_LIMITS.lineBytes) pieces.push(piece);
    else pieces = [];
  };
  const takeLine = (): Uint8Array => {
    const whole = pieceBytes > BATCH_LIMITS.lineBytes ? TOO_LONG : join(pieces, pieceBytes);
    const line = isFirst && startsWithMark(whole) ? whole.subarray(BYTE_ORDER_MARK.length) : whole;
    isFirst = false;
    pieces = [];
    pieceBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to !== -1; to = chunk.indexOf(LINE_FEED, from)) {
      gather(chunk.subarray(from, to));
      lines.push(takeLine());
      from = to + 1;
    }
    if (from < chunk.byteLength) gather(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (pieceBytes > 0) yield [takeLine()];
}

const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

function startsWithMark(bytes: Uint8Array): boolean {
  return BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte);
}

/** Whether the line is no request and stands in no shard: white space only. */
export function isBlankLine(bytes: Uint8Array): boolean {
  return bytes !== TOO_LONG && bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function join(pieces: readonly Uint8Array[], totalBytes: number): Uint8Array {
  const [only] = pieces;
  if (only && pieces.length === 1) return only;
  const joined = new Uint8Array(totalBytes);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
}

interface LineProblem {
  readonly problem: string;
  readonly param: string | null;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parseLine(bytes: Uint8Array): ParsedLine | LineProblem | 'blank' {
  if (isBlankLine(bytes)) return 'blank';
  if (bytes === TOO_LONG) {
    return { problem: `The line is longer than ${BATCH_LIMITS.lineBytes} bytes.`, param: null };
  }
  let value: unknown;
  try {
    const text = isAscii(bytes) ? asciiText(bytes) : decoder.decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? 'JSON' : 'UTF-8';
    return { problem: `The line is not ${why}.`, param: null };
  }
  if (mayBeDeep(bytes) && isDeeperThan(value, MAX_DEPTH)) {
    return { problem: `The line nests arrays and objects deeper than ${MAX_DEPTH} levels.`, param: null };
  }
  const shaped = shapedLine(value);
  if (shaped) return shaped;
  const parsed = lineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = issue?.path.join('.') || null;
  return { problem: param ? `${param}: ${issueText(issue)}.` : 'The line is not a JSON object.', param };
}

/** Few brackets nest little: the usual line is not walked. */
function mayBeDeep(bytes: Uint8Array): boolean {
  let opened = 0;
  for (const bracket of OPENING) {
    // Found by the platform's own search: a loop over each byte would take a tenth of the check.
    for (let at = bytes.indexOf(bracket); at !== -1; at = bytes.indexOf(bracket, at + 1)) {
      opened += 1;
      if (opened > MAX_DEPTH) return true;
    }
  }
  return false;
}

const OPENING = [0x5b, 0x7b] as const;

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1));
}

function asciiText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/**
 * What `lineSchema` takes, without its cost: it would be half of the time that a file of 50,000 lines is checked in.
 * Exported for the test that holds it against the schema.
 * @returns undefined for any other value; the schema then says what is wrong
 */
export function shapedLine(value: unknown): ParsedLine | undefined {
  if (!isRecord(value)) return undefined;
  const { custom_id, method, url, body } = value;
  if (typeof custom_id !== 'string' || custom_id.length < 1 || custom_id.length > CUSTOM_ID_CHARACTERS)
    return undefined;
  if (method !== 'POST' || typeof url !== 'string' || !isBody(body)) return undefined;
  return { custom_id, url, body };
}

function isBody(value: unknown): value is ParsedLine['body'] {
  if (!isRecord(value)) return false;
  const { model } = value;
  return model === undefined || (typeof model === 'string' && model.length >= 1 && model.length <= MODEL_CHARACTERS);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
