import type { IncomingMessage } from 'node:http';

export type Json = Readonly<Record<string, unknown>>;

export interface VtnRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Json;
}

/** What a request gets instead of its answer: another answer, none at all, or one that breaks off. */
export type VtnFault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  | 'hang'
  | 'cut';

export async function readJsonBody(request: IncomingMessage): Promise<{ body: Json; form: URLSearchParams }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString('utf8');
  const form = new URLSearchParams(request.headers['content-type']?.includes('urlencoded') ? text : '');
  try {
    const body: unknown = JSON.parse(text);
    return { body: isJson(body) ? body : {}, form };
  } catch {
    return { body: {}, form };
  }
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
