import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { NightshiftError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';

const reasonSchema = z.object({ code: z.string(), text: z.string() });

const windowSchema = z.object({
  start: z.string(),
  end: z.string(),
  region: z.string(),
  shards: z.number(),
  price_eur_per_kwh: z.number(),
  gco2_per_kwh: z.number(),
});

export const batchSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  endpoint: z.string(),
  input_file_id: z.string(),
  output_file_id: z.string().nullish(),
  error_file_id: z.string().nullish(),
  request_counts: z.object({ total: z.number(), completed: z.number(), failed: z.number() }),
  errors: z
    .object({ data: z.array(z.object({ code: z.string(), line: z.number().nullable(), message: z.string() })) })
    .nullish(),
  x_grid: z.object({
    state: z.string(),
    deadline: z.string(),
    submitted_at: z.string(),
    reasons: z.array(reasonSchema),
    eta: z.string().nullable(),
    planned_windows: z.array(windowSchema),
    energy_wh: z.number(),
    gco2: z.number(),
    cost: z.object({ eur: z.number() }),
    shards: z.object({ total: z.number(), pending: z.number(), in_flight: z.number(), done: z.number() }).nullable(),
    partial_output_file_id: z.string().nullable(),
  }),
});
export type SubmittedBatch = z.infer<typeof batchSchema>;

export const quoteSchema = z.looseObject({
  requests: z.number(),
  shards: z.number(),
  deadline: z.string(),
  feasible: z.boolean(),
  eta: z.string().nullable(),
  windows: z.array(windowSchema),
  energy_wh: z.number(),
  cost: z.object({ eur: z.number() }),
  gco2: z.number(),
  confidence: z.object({ probability: z.number(), scenarios: z.number(), assumption: z.string() }),
  reasons: z.array(reasonSchema),
});
export type Quote = z.infer<typeof quoteSchema>;

export interface BatchRequest {
  readonly input_file_id: string;
  readonly endpoint: string;
  readonly completion_window: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

const errorSchema = z.object({ error: z.object({ message: z.string() }) });

/** The API as any submitter may call it. */
export class BatchClient {
  readonly #baseUrl: string;
  readonly #headers: Record<string, string>;

  /** @param baseUrl ends in `/v1` */
  constructor(baseUrl: string, apiKey: string) {
    this.#baseUrl = baseUrl;
    this.#headers = { authorization: `Bearer ${apiKey}` };
  }

  /** Uploads a JSONL file. @returns its id */
  async upload(file: string): Promise<string> {
    const form = new FormData();
    form.append('file', await openAsBlob(file), basename(file));
    form.append('purpose', 'batch');
    const answer = await this.call('/files', { method: 'POST', body: form });
    return z.object({ id: z.string() }).parse(await answer.json()).id;
  }

  async submit(request: BatchRequest): Promise<SubmittedBatch> {
    return batchSchema.parse(await this.post('/batches', request));
  }

  async quote(request: BatchRequest): Promise<Quote> {
    return quoteSchema.parse(await this.post('/batches/quote', request));
  }

  async read(batchId: string): Promise<SubmittedBatch> {
    return batchSchema.parse(await (await this.call(`/batches/${batchId}`)).json());
  }

  async list(limit: number): Promise<SubmittedBatch[]> {
    const page = await (await this.call(`/batches?limit=${limit}`)).json();
    return z.object({ data: z.array(batchSchema) }).parse(page).data;
  }

  async act(batchId: string, action: 'pause' | 'resume' | 'cancel'): Promise<SubmittedBatch> {
    return batchSchema.parse(await (await this.call(`/batches/${batchId}/${action}`, { method: 'POST' })).json());
  }

  /** A new batch of what an ended one left without an answer. */
  async resubmit(batchId: string, wishes: Partial<Pick<BatchRequest, 'completion_window'>>): Promise<SubmittedBatch> {
    return batchSchema.parse(await this.post(`/batches/${batchId}/resubmit`, wishes));
  }

  async content(fileId: string): Promise<string> {
    return (await this.call(`/files/${fileId}/content`)).text();
  }

  /** The batch's events to their end; after a broken connection it goes on after the last one. */
  async *events(batchId: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
    let lastId: string | undefined;
    for (;;) {
      try {
        const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
        const answer = await this.call(`/batches/${batchId}/events`, { headers, ...(signal && { signal }) });
        if (answer.status === 204) return;
        for await (const event of serverEvents(answer.body ?? new ReadableStream())) {
          lastId = event.id ?? lastId;
          yield event;
          if (event.event === 'end') return;
        }
      } catch (error) {
        if (signal?.aborted || (error instanceof NightshiftError && !error.retryable)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_REAL_MS));
    }
  }

  async post(path: string, body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return (await this.call(path, { method: 'POST', body: JSON.stringify(body), headers })).json();
  }

  /** @throws NightshiftError `invalid_request` with what the API says, `unavailable` when it does not answer */
  async call(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const headers = { ...this.#headers, ...init.headers };
    let answer: Response;
    try {
      answer = await fetch(`${this.#baseUrl}${path}`, { ...init, headers });
    } catch (cause) {
      throw new NightshiftError('unavailable', `${this.#baseUrl} does not answer.`, { cause });
    }
    if (answer.ok) return answer;
    const text = await answer.text();
    const message = errorSchema.safeParse(parseJson(text)).data?.error.message ?? text;
    const code = answer.status >= 500 ? 'unavailable' : 'invalid_request';
    throw new NightshiftError(code, `${init.method ?? 'GET'} ${path} answered ${answer.status}: ${message}`);
  }
}

const RECONNECT_REAL_MS = 1_000;

async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => splitField(line)));
      const data = fields.get('data');
      if (data !== undefined) yield { event: fields.get('event') ?? 'message', data, id: fields.get('id') };
    }
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(': ');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 2)];
}
