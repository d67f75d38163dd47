import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

import { NightshiftError } from '../domain/errors.ts';
import { parseJson } from '../domain/json.ts';

/**
 * The endpoint that every line of a batch's input asks.
 * @throws NightshiftError `invalid_request` with the first line that has none or another one
 */
export async function endpointOfFile(file: string): Promise<string> {
  let endpoint: string | undefined;
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === '') continue;
    const url = urlOf(parseJson(line));
    if (url === undefined) throw unclear(file, number, 'has no url');
    if (endpoint !== undefined && url !== endpoint)
      throw unclear(file, number, `asks ${url}, an earlier one ${endpoint}`);
    endpoint = url;
  }
  if (endpoint === undefined) throw unclear(file, number, 'is the last, and none has a request');
  return endpoint;
}

function urlOf(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null || !('url' in request)) return undefined;
  return typeof request.url === 'string' ? request.url : undefined;
}

function unclear(file: string, line: number, what: string): NightshiftError {
  return new NightshiftError('invalid_request', `${file}: line ${line} ${what}. Give --endpoint.`, {
    field: 'endpoint',
  });
}
