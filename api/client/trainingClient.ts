import { z } from 'zod';

import { trainingRunSchema, type NewTrainingRunWire, type TrainingRunWire } from '../wire/training.ts';
import type { ApiClient } from './apiClient.ts';

const listSchema = z.object({ data: z.array(trainingRunSchema) });

/** Training runs, as their tenant calls them. Each method throws NightshiftError like `ApiClient.call`. */
export class TrainingClient {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async start(run: NewTrainingRunWire): Promise<TrainingRunWire> {
    return trainingRunSchema.parse(await this.#api.json('POST', '/v1/training_runs', run));
  }

  async read(id: string): Promise<TrainingRunWire> {
    return trainingRunSchema.parse(await this.#api.json('GET', `/v1/training_runs/${id}`));
  }

  async list(limit: number): Promise<TrainingRunWire[]> {
    return listSchema.parse(await this.#api.json('GET', `/v1/training_runs?limit=${limit}`)).data;
  }

  async act(id: string, action: 'pause' | 'resume' | 'cancel', body: object = {}): Promise<TrainingRunWire> {
    return trainingRunSchema.parse(await this.#api.json('POST', `/v1/training_runs/${id}/${action}`, body));
  }

  /** The forward graph with trained weights: an .onnx file. */
  async exported(id: string, version?: number): Promise<Uint8Array> {
    const query = version === undefined ? '' : `?version=${version}`;
    const answer = await this.#api.call(`/v1/training_runs/${id}/model${query}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Adds what was trained to the models that answer requests. */
  async publish(id: string, model: { name: string; version?: string; weights_version?: number }): Promise<unknown> {
    return this.#api.json('POST', `/v1/training_runs/${id}/publish`, model);
  }
}
