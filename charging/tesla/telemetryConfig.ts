import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { DAY_MS } from '../../domain/durations.ts';

/** Where cars stream to. */
export interface TelemetryServer {
  readonly hostname: string;
  readonly port: number;
  /** Certificate authority of that server, PEM. */
  readonly ca: string;
}

/** What of a car is streamed, and how often at most. It is paid by signal: 150,000 a dollar. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  DetailedChargeState: { interval_seconds: 1, resend_interval_seconds: 300 },
  ChargePortLatch: { interval_seconds: 1, resend_interval_seconds: 300 },
  Gear: { interval_seconds: 1, resend_interval_seconds: 300 },
  BatteryLevel: { interval_seconds: 60, resend_interval_seconds: 300 },
  ChargingCableType: { interval_seconds: 60 },
  ACChargingPower: { interval_seconds: 60 },
  ACChargingEnergyIn: { interval_seconds: 60 },
  LocatedAtHome: { interval_seconds: 60 },
  Location: { interval_seconds: 60, minimum_delta: 50 },
  VehicleSpeed: { interval_seconds: 60 },
  OutsideTemp: { interval_seconds: 60, minimum_delta: 1 },
};

/** The body that asks cars to stream to the server. Source: Tesla Fleet API, fleet_telemetry_config. */
export function telemetryConfig(vin: string, server: TelemetryServer) {
  return {
    vins: [vin],
    config: { ...server, prefer_typed: true, delivery_policy: 'latest', fields: FIELDS },
  };
}

const readSchema = z.object({
  response: z.object({
    config: z
      .object({
        hostname: z.string(),
        port: z.number(),
        exp: z.number().nullish(),
        fields: z.record(z.string(), z.looseObject({})),
      })
      .nullish(),
    key_paired: z.boolean().nullish(),
    limit_reached: z.boolean().nullish(),
  }),
});

/** A configuration that ends within this time is posted anew. */
const RENEW_BEFORE_REAL_MS = 14 * DAY_MS;

/** Whether what a car is configured with is what it is to be configured with, for some time to come. */
export function isTelemetryCurrent(read: unknown, server: TelemetryServer, nowRealMs: number): boolean {
  const config = readSchema.safeParse(read).data?.response.config;
  if (!config) return false;
  const isEnding = typeof config.exp === 'number' && config.exp * 1000 - nowRealMs < RENEW_BEFORE_REAL_MS;
  const { hostname, port } = server;
  return !isEnding && config.hostname === hostname && config.port === port && isDeepStrictEqual(config.fields, FIELDS);
}

const postedSchema = z.object({
  response: z.object({ skipped_vehicles: z.record(z.string(), z.array(z.string())).nullish() }),
});

const SKIPPED: Readonly<Record<string, string>> = {
  missing_key: 'the owner has to pair the virtual key with the car (docs/tesla.md)',
  unsupported_hardware: 'its computer does not stream',
  unsupported_firmware: 'its firmware is too old to stream',
  max_configs: 'it streams to five applications already',
};

/** Why a car that was asked to stream does not; undefined when it does. */
export function whySkipped(posted: unknown, vin: string): string | undefined {
  const skipped = Object.entries(postedSchema.safeParse(posted).data?.response.skipped_vehicles ?? {});
  const [reason] = skipped.find(([, vins]) => vins.includes(vin)) ?? [];
  return reason === undefined ? undefined : `Telemetry is refused: ${SKIPPED[reason] ?? reason}.`;
}
