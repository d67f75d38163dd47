import type { RolloutCommand } from '../../domain/workflows/modelRollout.ts';
import {
  modelPinSchema,
  rolloutSchema,
  rolloutsSchema,
  type RolloutsWire,
  type RolloutWire,
} from '../wire/rollouts.ts';
import type { ApiClient } from './apiClient.ts';

const ROLLOUTS = '/ops/v1/rollouts';

/** Versions of models on their way to the fleet. Each method throws NightshiftError like `ApiClient.call`. */
export class RolloutClient {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async list(): Promise<RolloutsWire> {
    return rolloutsSchema.parse(await this.#api.json('GET', ROLLOUTS));
  }

  /** @param spec as `newRolloutSchema` has it; the API checks it */
  async start(model: string, version: string, spec: unknown): Promise<RolloutWire> {
    return rolloutSchema.parse(await this.#api.json('POST', ROLLOUTS, { model, version, spec }));
  }

  async command(model: string, version: string, command: RolloutCommand, reason: string): Promise<RolloutWire> {
    const body = { model, version, command, reason };
    return rolloutSchema.parse(await this.#api.json('POST', `${ROLLOUTS}/command`, body));
  }

  /** @param version null: as all others */
  async pin(tenant: string, model: string, version: string | null): Promise<void> {
    modelPinSchema.parse(await this.#api.json('PUT', '/ops/v1/model_pins', { tenant, model, version }));
  }
}
