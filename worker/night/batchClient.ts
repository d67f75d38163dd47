import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';

const batchSchema = z.object({
  id: z.string(),
  status: z.string(),
  output_file_id: z.string().nullish(),
  error_file_id: z.string().nullish(),
});
export type SubmittedBatch = z.infer<typeof batchSchema>;

/** The few calls of the Files and Batches API that the night makes, as any submitter would. */
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
    const answer = await this.#call('/files', { method: 'POST', body: form });
    return z.object({ id: z.string() }).parse(await answer.json()).id;
  }

  async submit(request: {
    input_file_id: string;
    endpoint: string;
    completion_window: string;
    metadata: Record<string, string>;
  }): Promise<SubmittedBatch> {
    const answer = await this.#call('/batches', {
      method: 'POST',
      body: JSON.stringify(request),
      headers: { 'content-type': 'application/json' },
    });
    return batchSchema.parse(await answer.json());
  }

  async read(batchId: string): Promise<SubmittedBatch> {
    return batchSchema.parse(await (await this.#call(`/batches/${batchId}`)).json());
  }

  async content(fileId: string): Promise<string> {
    return (await this.#call(`/files/${fileId}/content`)).text();
  }

  async #call(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const headers = { ...this.#headers, ...init.headers };
    const answer = await fetch(`${this.#baseUrl}${path}`, { ...init, headers });
    if (!answer.ok)
      throw new Error(`${init.method ?? 'GET'} ${path} answered ${answer.status}: ${await answer.text()}`);
    return answer;
  }
}
