import { z } from 'zod';

/** What a connection to a utility's OpenADR server is made of. docs/openadr.md */

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const DEFAULT_PRIORITY = 50;

/** This machine has several names for itself, which are one host. */
export function isSameHost(one: string, other: string): boolean {
  return one === other || (LOOPBACK.has(one) && LOOPBACK.has(other));
}

/** https, or http on this machine: a token or an event must not cross a network in the clear. */
export const secureUrlSchema = z
  .string()
  .max(2_000)
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, hostname, username, password } = new URL(text);
    const isSecure = protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname));
    return isSecure && username === '' && password === '';
  }, 'must be an https URL without credentials; http only on this machine');

const name = z.string().min(1).max(128);

export const connectionIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and "-", at most 63');

export const openAdrSettingsSchema = z.strictObject({
  /** Base of the server's paths, e.g. https://vtn.example.org/openadr3/3.1.0 */
  vtnUrl: secureUrlSchema,
  regionId: name,
  /** Feeders that the connection speaks for; all of the region when empty. */
  feederIds: z.array(name).max(1_000).default([]),
  /** How we call ourselves there. */
  venName: name,
  scopes: z.array(name).max(20).default([]),
  /** Names of the programs to follow; every one that is seen when empty. */
  programs: z.array(name).max(100).default([]),
  /** Targets to ask for beside those that the utility granted. */
  targets: z.array(name).max(100).default([]),
  /** Grid time between two polls. */
  pollSeconds: z.number().int().min(5).max(86_400).default(60),
  /** Where the server reaches our API; without it there is no webhook. */
  callbackUrl: secureUrlSchema.optional(),
  /** Where tokens come from, when the server names another host than its own. */
  tokenUrl: secureUrlSchema.optional(),
  /** Hosts whose MQTT brokers the server may name, beside its own: our token would go there. */
  brokerHosts: z.array(z.string().min(1).max(253)).max(20).default([]),
  verifyTls: z.boolean().default(true),
  /** Certificates of a private authority, PEM. */
  ca: z.string().max(100_000).optional(),
  /** EUR for one unit of each currency that the utility prices in. */
  eurPer: z.record(z.string().regex(/^[A-Z]{3}$/, 'must be a currency code'), z.number().positive()).default({}),
  /** Rank of its signals beside those of feeds: the lowest counts. */
  priority: z.number().int().min(0).max(1_000).default(DEFAULT_PRIORITY),
});
export type OpenAdrSettings = z.output<typeof openAdrSettingsSchema>;

/** Sealed in the database; never in a workflow's history nor in a log. */
export const openAdrSecretsSchema = z.object({
  /** Absent for a server that takes anybody. */
  client: z.object({ id: z.string().min(1).max(4_096), secret: z.string().min(1).max(4_096) }).optional(),
  /** What the server presents at our callback. */
  callbackToken: z.string().min(1),
});
export type OpenAdrSecrets = z.output<typeof openAdrSecretsSchema>;

/** What a server knew us as when it last told, and what it granted. It holds on while the server does not tell. */
export interface OpenAdrRegistration {
  readonly venId: string;
  readonly venName: string;
  /** We made the ven, so it goes with the connection; the utility's own stays. */
  readonly isOurs: boolean;
  /** Targets of the ven: each reaches all of its resources. */
  readonly venTargets: readonly string[];
  /** Targets of each resource, by the feeder that it stands for. */
  readonly resourceTargets: Readonly<Record<string, readonly string[]>>;
}

/** How the last synchronisation went. Instants are grid time. */
export interface OpenAdrStatus {
  readonly syncedAtMs: number | null;
  /** Of reading events, in a row: what slows the polling down. */
  readonly failures: number;
  readonly failure: string | null;
  /** Of reports and measurements, in a row. Absent in what older versions stored, like the two after it. */
  readonly reportFailures?: number;
  readonly reportFailure?: string | null;
  /** Why our ven or resources are not known as they are now; what was known of them holds. */
  readonly registrationFailure?: string | null;
  readonly programs: number;
  readonly events: number;
  readonly refused: number;
  /** Why there are no notifications; null when there are. */
  readonly webhook: string | null;
  readonly mqtt: string | null;
  readonly ignoredTypes: readonly string[];
}

/** Measurement and verification of one event, at the plug, per feeder together. Energies in kWh, powers in kW. */
export interface EventMeasurement {
  readonly method: 'caiso_10_in_10' | 'naesb_meter_before_meter_after';
  readonly methodText: string;
  readonly intervals: readonly MeasuredInterval[];
  readonly baselineKwh: number;
  readonly meteredKwh: number;
  readonly shedKwh: number;
  /** From receipt to the plan that follows the event. */
  readonly planSeconds: number | null;
  /** From receipt, or the start when that is later, to the end of the first metered slot below the baseline. */
  readonly responseSeconds: number | null;
  readonly cars: readonly MeasuredCar[];
}

export interface MeasuredInterval {
  readonly intervalId: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly baselineKwh: number;
  readonly meteredKwh: number;
  /** What the houses of the feeders took, which limits include; null where that is not known throughout. */
  readonly houseKwh: number | null;
}

export interface MeasuredCar {
  readonly vehicleId: string;
  readonly baselineKwh: number;
  readonly meteredKwh: number;
}
