import { z } from 'zod';

import { carReasonSchema, CAR_STATES, CLAIM_HOLDERS } from '../domain/claims.ts';
import { ERROR_CODES, NightshiftError, type ErrorCodeName } from '../domain/errors.ts';
import { ownerPolicySchema, type OwnerPolicy } from '../domain/vehicles.ts';
import { apiKeyOf } from '../worker/process/apiKey.ts';
import { loadConfig } from '../worker/config/config.ts';
import { messageOf } from '../domain/thrown.ts';

const vehicleSchema = z.object({
  id: z.string(),
  displayName: z.string(),
  regionId: z.string(),
  carModel: z.string(),
  hardwareClass: z.string(),
  batteryKwh: z.number(),
  state: z.enum(CAR_STATES),
  heldBy: z.enum(CLAIM_HOLDERS),
  pluggedIn: z.boolean(),
  online: z.boolean(),
  socPercent: z.number().nullable(),
  heardAgeMs: z.number().nullable(),
  nextReadyByMs: z.number(),
  policy: ownerPolicySchema,
});
export type ShownVehicle = z.infer<typeof vehicleSchema>;

const whySchema = z.object({
  id: z.string(),
  displayName: z.string(),
  timeZone: z.string(),
  state: z.enum(CAR_STATES),
  heldBy: z.enum(CLAIM_HOLDERS),
  sinceMs: z.number().nullable(),
  claims: z.array(z.object({ holder: z.enum(CLAIM_HOLDERS), holds: z.boolean(), reasons: z.array(carReasonSchema) })),
  transitions: z.array(
    z.object({
      atMs: z.number(),
      state: z.enum(CAR_STATES),
      heldBy: z.enum(CLAIM_HOLDERS),
      reasons: z.array(carReasonSchema),
    }),
  ),
});
export type Why = z.infer<typeof whySchema>;

const errorSchema = z.object({
  error: z.object({
    message: z.string(),
    param: z.string().nullable(),
    code: z.custom<ErrorCodeName>((code) => typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)),
  }),
});

export interface FleetClientOptions {
  readonly url?: string;
  readonly key?: string;
}

/** The fleet API, as owners and operators use it. */
export class FleetClient {
  readonly #url: string;
  readonly #key: string;

  /** Where and by which key to call follows from the config, unless the options say so. */
  constructor(options: FleetClientOptions, env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()) {
    const config = loadConfig({ env, cwd });
    this.#url = options.url ?? `http://${config.api.host}:${config.api.port}`;
    this.#key = options.key ?? apiKeyOf(config);
  }

  async list(): Promise<ShownVehicle[]> {
    return z.object({ vehicles: z.array(vehicleSchema) }).parse(await this.#call('GET', 'vehicles')).vehicles;
  }

  async show(vin: string): Promise<ShownVehicle> {
    return vehicleSchema.parse(await this.#call('GET', `vehicles/${encodeURIComponent(vin)}`));
  }

  async why(vin: string): Promise<Why> {
    return whySchema.parse(await this.#call('GET', `vehicles/${encodeURIComponent(vin)}/why`));
  }

  async setPolicy(vin: string, policy: OwnerPolicy): Promise<ShownVehicle> {
    return vehicleSchema.parse(await this.#call('PUT', `vehicles/${encodeURIComponent(vin)}/policy`, policy));
  }

  async newOwnerKey(ownerId: string): Promise<string> {
    const answer = await this.#call('POST', `owners/${encodeURIComponent(ownerId)}/keys`);
    return z.object({ key: z.string() }).parse(answer).key;
  }

  /** @throws NightshiftError as the API answered, or `unavailable` */
  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const url = `${this.#url}/fleet/v1/${path}`;
    const headers = { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(url, { method, headers, ...sent }).catch((cause: unknown) => {
      throw new NightshiftError('unavailable', `${this.#url} does not answer: ${messageOf(cause)}`, { cause });
    });
    const json: unknown = await answer.json().catch(() => undefined);
    if (answer.ok) return json;
    const said = errorSchema.safeParse(json);
    if (!said.success) throw new NightshiftError('unavailable', `${url} answered ${answer.status}.`);
    const { code, message, param } = said.data.error;
    throw new NightshiftError(code, message, param === null ? {} : { field: param });
  }
}
