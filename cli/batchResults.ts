import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { z } from 'zod';

import { NightshiftError } from '../domain/errors.ts';
import type { BatchClient } from '../api/client/batchClient.ts';
import type { BatchWire } from '../api/wire/batch.ts';

const keyed = z.looseObject({ custom_id: z.string() });

export interface ResultsOptions {
  /** Where they go; undefined: `print`. */
  readonly out: string | undefined;
  /** The input file, whose requests are put beside their answers. */
  readonly joinFile: string | undefined;
  readonly print: (text: string) => void;
}

/**
 * Writes a batch's answers and errors, one JSON object a line; those that are there while it still runs.
 * @returns how many lines
 */
export async function writeResults(
  batches: BatchClient,
  batch: BatchWire,
  options: ResultsOptions,
): Promise<{ readonly lines: number; readonly partial: boolean }> {
  const { partial_output_file_id: partialId } = batch.x_grid;
  const ids = [batch.output_file_id ?? partialId, batch.error_file_id].filter((id) => typeof id === 'string');
  if (ids.length === 0) {
    throw new NightshiftError('invalid_request', `Batch ${batch.id} is ${batch.status} and has no results.`);
  }
  const requests = options.joinFile === undefined ? undefined : await requestsOf(options.joinFile);
  const file = options.out === undefined ? undefined : createWriteStream(options.out);
  let lines = 0;
  for (const id of ids) {
    const { body } = await batches.content(id);
    if (!body) continue;
    for await (const line of createInterface({ input: Readable.from(body), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue;
      const joined = requests ? join(line, requests) : line;
      if (!file) options.print(`${joined}\n`);
      else if (!file.write(`${joined}\n`)) await once(file, 'drain');
      lines++;
    }
  }
  if (file) {
    file.end();
    await finished(file);
  }
  return { lines, partial: typeof batch.output_file_id !== 'string' && partialId !== null };
}

/** The bodies of the input by custom_id. */
async function requestsOf(inputFile: string): Promise<Map<string, unknown>> {
  const requests = new Map<string, unknown>();
  for await (const line of createInterface({ input: createReadStream(inputFile) })) {
    if (line.trim() === '') continue;
    const request = keyed.parse(JSON.parse(line));
    requests.set(request.custom_id, request['body']);
  }
  return requests;
}

function join(line: string, requests: ReadonlyMap<string, unknown>): string {
  const answer = keyed.parse(JSON.parse(line));
  return JSON.stringify({ ...answer, request: requests.get(answer.custom_id) ?? null });
}
