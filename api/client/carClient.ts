import { z } from 'zod';
import type { OwnerPolicy } from '../../domain/vehicles.ts';
import { capacitySchema, type CapacityWire } from '../wire/capacity.ts';
import { vehicleSchema, whySchema, type VehicleWire, type WhyWire } from '../wire/cars.ts';
import { fleetSpeedsSchema, type FleetSpeedsWire } from '../wire/speeds.ts';
import { enrolmentCodeSchema, type EnrolmentCodeWire } from '../wire/agents.ts';
import {
  carTrustSchema,
  policiesSchema,
  quarantinesSchema,
  type CarTrustWire,
  type PoliciesWire,
  type QuarantinesWire,
} from '../wire/trust.ts';
import type { ApiClient } from './apiClient.ts';

const CARS = '/fleet/v1/vehicles';

/** Cars and what their owners want. Each method throws NightshiftError like `ApiClient.call`. */
export class CarClient {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async list(): Promise<VehicleWire[]> {
    return z.object({ vehicles: z.array(vehicleSchema) }).parse(await this.#api.json('GET', CARS)).vehicles;
  }

  async show(vin: string): Promise<VehicleWire> {
    return vehicleSchema.parse(await this.#api.json('GET', pathOf(vin)));
  }

  async why(vin: string): Promise<WhyWire> {
    return whySchema.parse(await this.#api.json('GET', `${pathOf(vin)}/why`));
  }

  /** What checks of its answers have come to. */
  async trust(vin: string): Promise<CarTrustWire> {
    return carTrustSchema.parse(await this.#api.json('GET', `${pathOf(vin)}/trust`));
  }

  async appeal(vin: string, text: string): Promise<CarTrustWire> {
    return carTrustSchema.parse(await this.#api.json('POST', `${pathOf(vin)}/appeal`, { text }));
  }

  /** Ends a quarantine or upholds it. */
  async resolveQuarantine(vin: string, resolution: { text: string; release: boolean }): Promise<CarTrustWire> {
    return carTrustSchema.parse(await this.#api.json('POST', `${pathOf(vin)}/quarantine`, resolution));
  }

  async setTrusted(vin: string, trusted: boolean): Promise<CarTrustWire> {
    return carTrustSchema.parse(await this.#api.json('PUT', `${pathOf(vin)}/trusted`, { trusted }));
  }

  async quarantines(): Promise<QuarantinesWire> {
    return quarantinesSchema.parse(await this.#api.json('GET', '/fleet/v1/quarantines'));
  }

  async checkPolicies(): Promise<PoliciesWire> {
    return policiesSchema.parse(await this.#api.json('GET', '/fleet/v1/check_policies'));
  }

  /** @param policy null takes the scope's policy back */
  async setCheckPolicy(scope: { tenant: string | null; model: string | null }, policy: unknown): Promise<PoliciesWire> {
    return policiesSchema.parse(await this.#api.json('PUT', '/fleet/v1/check_policies', { ...scope, policy }));
  }

  async setPolicy(vin: string, policy: OwnerPolicy): Promise<VehicleWire> {
    return vehicleSchema.parse(await this.#api.json('PUT', `${pathOf(vin)}/policy`, policy));
  }

  /** Enrols a car, or changes it. @returns the code by which its agent gets its key */
  async enrol(enrolment: unknown): Promise<EnrolmentCodeWire> {
    return enrolmentCodeSchema.parse(await this.#api.json('POST', '/fleet/v1/enrolments', enrolment));
  }

  async newCode(vin: string): Promise<EnrolmentCodeWire> {
    return enrolmentCodeSchema.parse(await this.#api.json('POST', `${pathOf(vin)}/codes`));
  }

  async remove(vin: string): Promise<void> {
    await this.#api.json('DELETE', pathOf(vin));
  }

  /** What the fleet can compute with. */
  async capacity(): Promise<CapacityWire> {
    return capacitySchema.parse(await this.#api.json('GET', '/fleet/v1/capacity'));
  }

  /** How fast each class runs each model. */
  async speeds(): Promise<FleetSpeedsWire> {
    return fleetSpeedsSchema.parse(await this.#api.json('GET', '/fleet/v1/speeds'));
  }

  /** Adds a region or changes it. @returns the ids of its feeders */
  async putRegion(id: string, region: unknown): Promise<string[]> {
    const answer = await this.#api.json('PUT', `/fleet/v1/regions/${encodeURIComponent(id)}`, region);
    return z.object({ feeders: z.array(z.string()) }).parse(answer).feeders;
  }

  /** Adds a class of computers or changes its figures. */
  async putClass(id: string, figures: unknown): Promise<void> {
    await this.#api.json('PUT', `/fleet/v1/classes/${encodeURIComponent(id)}`, figures);
  }

  async newOwnerKey(ownerId: string): Promise<string> {
    const answer = await this.#api.json('POST', `/fleet/v1/owners/${encodeURIComponent(ownerId)}/keys`);
    return z.object({ key: z.string() }).parse(answer).key;
  }
}

function pathOf(vin: string): string {
  return `${CARS}/${encodeURIComponent(vin)}`;
}
