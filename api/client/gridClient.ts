import { z } from 'zod';
import { gridConnectionSchema, gridConnectionsSchema, type GridConnectionWire } from '../wire/gridConnections.ts';
import {
  gridEventsSchema,
  gridEventWithProofSchema,
  type GridEventWire,
  type GridEventWithProofWire,
} from '../wire/gridEvents.ts';
import { gridRegionStateSchema, type GridRegionStateWire } from '../wire/gridRegionState.ts';
import type { ApiClient } from './apiClient.ts';

const CONNECTIONS = '/grid/v1/connections';
const EVENTS = '/grid/v1/events';
const REGIONS = '/grid/v1/regions';

/** Utilities, their events, and what regions know. Each method throws NightshiftError like `ApiClient.call`. */
export class GridClient {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async connections(): Promise<GridConnectionWire[]> {
    return gridConnectionsSchema.parse(await this.#api.json('GET', CONNECTIONS)).data;
  }

  async connection(id: string): Promise<GridConnectionWire> {
    return gridConnectionSchema.parse(await this.#api.json('GET', pathOf(CONNECTIONS, id)));
  }

  /** Follows a utility, or changes how. */
  async connect(id: string, connection: unknown): Promise<GridConnectionWire> {
    return gridConnectionSchema.parse(await this.#api.json('PUT', pathOf(CONNECTIONS, id), connection));
  }

  async disconnect(id: string): Promise<void> {
    await this.#api.json('DELETE', pathOf(CONNECTIONS, id));
  }

  /** The newest events. */
  async events(): Promise<GridEventWire[]> {
    return gridEventsSchema.parse(await this.#api.json('GET', EVENTS)).data;
  }

  async event(id: string): Promise<GridEventWithProofWire> {
    return gridEventWithProofSchema.parse(await this.#api.json('GET', pathOf(EVENTS, id)));
  }

  async regionIds(): Promise<string[]> {
    const answer = z.object({ regions: z.array(z.object({ id: z.string() })) });
    return answer.parse(await this.#api.json('GET', REGIONS)).regions.map(({ id }) => id);
  }

  async region(id: string): Promise<GridRegionStateWire> {
    return gridRegionStateSchema.parse(await this.#api.json('GET', pathOf(REGIONS, id)));
  }
}

function pathOf(folder: string, id: string): string {
  return `${folder}/${encodeURIComponent(id)}`;
}
