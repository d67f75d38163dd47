import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { batchSchema, type BatchWire } from '../wire/batch.ts';
import { quoteSchema, type QuoteWire } from '../wire/quote.ts';
import type { ApiClient, ServerEvent } from './apiClient.ts';

export interface BatchRequest {
  readonly input_file_id: string;
  readonly endpoint: string;
  readonly completion_window: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const batchListSchema = z.object({ data: z.array(batchSchema) });

/** Files and batches, as a submitter calls them. Each method throws NightshiftError like `ApiClient.call`. */
export class BatchClient {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** Uploads a JSONL file. @returns its id */
  async upload(file: string): Promise<string> {
    const form = new FormData();
    form.append('file', await openAsBlob(file), basename(file));
    form.append('purpose', 'batch');
    const answer = await this.#api.call('/v1/files', { method: 'POST', body: form });
    return z.object({ id: z.string() }).parse(await answer.json()).id;
  }

  /** The bytes of a file, as they come. */
  async content(fileId: string): Promise<Response> {
    return this.#api.call(`/v1/files/${fileId}/content`);
  }

  async deleteFile(fileId: string): Promise<void> {
    await this.#api.json('DELETE', `/v1/files/${fileId}`);
  }

  async submit(request: BatchRequest): Promise<BatchWire> {
    return batchSchema.parse(await this.#api.json('POST', '/v1/batches', request));
  }

  async quote(request: BatchRequest): Promise<QuoteWire> {
    return quoteSchema.parse(await this.#api.json('POST', '/v1/batches/quote', request));
  }

  async read(batchId: string): Promise<BatchWire> {
    return batchSchema.parse(await this.#api.json('GET', `/v1/batches/${batchId}`));
  }

  async list(limit: number): Promise<BatchWire[]> {
    return batchListSchema.parse(await this.#api.json('GET', `/v1/batches?limit=${limit}`)).data;
  }

  async act(batchId: string, action: 'pause' | 'resume' | 'cancel'): Promise<BatchWire> {
    return batchSchema.parse(await this.#api.json('POST', `/v1/batches/${batchId}/${action}`));
  }

  /** A new batch of what an ended one left without an answer. */
  async resubmit(batchId: string, wishes: Partial<Pick<BatchRequest, 'completion_window'>>): Promise<BatchWire> {
    return batchSchema.parse(await this.#api.json('POST', `/v1/batches/${batchId}/resubmit`, wishes));
  }

  /** The batch's events to its end. */
  events(batchId: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
    return this.#api.events(`/v1/batches/${batchId}/events`, signal);
  }
}
