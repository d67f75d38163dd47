import { z } from 'zod';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { parseJson } from '../../domain/json.ts';
import { messageOf } from '../../domain/thrown.ts';
import { AccessRefused } from './accessRefused.ts';
import type { TokenKeeper } from './tokenKeeper.ts';

export interface FleetApiPorts {
  /** Of the account's region. */
  readonly apiUrl: string;
  /** Of the proxy that signs commands and telemetry configurations with the application's key. */
  readonly commandUrl: string;
  readonly tokens: Pick<TokenKeeper, 'access'>;
  /** Real time, epoch ms. */
  readonly now: () => number;
}

/** What became of a request. Below 500 it is billed, whatever it says. */
export type FleetAnswer =
  | { readonly kind: 'done'; readonly body: unknown }
  /** The car, or the API, does not do it; the same again would be answered the same. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The car sleeps or has no coverage. */
  | { readonly kind: 'asleep' }
  /** Too many requests, or an outage: not before `untilRealMs`. */
  | { readonly kind: 'later'; readonly reason: string; readonly untilRealMs: number }
  /** A person has to do something. */
  | { readonly kind: 'no_access'; readonly reason: string };

export type FleetPath =
  | { readonly command: string; readonly body?: unknown }
  | { readonly wake: true }
  | { readonly readTelemetry: true }
  | { readonly telemetry: unknown };

const TIMEOUT_REAL_MS = 20_000;
const OUTAGE_REAL_MS = 30_000;
/** Without a word of the server when to come again: the proxy drops its headers. Limits are counted by the minute. */
const RATE_LIMIT_REAL_MS = MINUTE_MS;
const LONGEST_WAIT_REAL_MS = HOUR_MS;
/** The car does already what it is told. */
const ALREADY = ['charging', 'is_charging', 'not_charging', 'already_set', 'complete'];
const UNPAIRED = 'public key has not been paired';
const PAIR = 'the owner has to pair the virtual key with the car (docs/tesla.md)';

const commandSchema = z.object({
  // The proxy says the reason as `string`, the API as `reason`.
  response: z.object({ result: z.boolean(), reason: z.string().optional(), string: z.string().optional() }),
});
const errorSchema = z.object({ error: z.string().nullish(), error_description: z.string().nullish() });

/**
 * One account at Tesla's Fleet API, through the proxy where requests have to be signed.
 * Sources: Tesla Fleet API, conventions, billing and limits; teslamotors/vehicle-command, pkg/proxy. Never run against
 * Tesla's servers.
 */
export class FleetApi {
  readonly #ports: FleetApiPorts;

  constructor(ports: FleetApiPorts) {
    this.#ports = ports;
  }

  async ask(vin: string, path: FleetPath): Promise<FleetAnswer> {
    try {
      const token = await this.#ports.tokens.access();
      const response = await this.#send(vin, path, token);
      if (response.status !== 401) return await this.#read(response, path);
      // It may have been taken back before its time.
      const answer = await this.#send(vin, path, await this.#ports.tokens.access(token));
      if (answer.status !== 401) return await this.#read(answer, path);
      return { kind: 'no_access', reason: 'The account’s token is refused: the owner has to link the account anew.' };
    } catch (error) {
      if (error instanceof AccessRefused) return { kind: 'no_access', reason: error.message };
      return { kind: 'later', reason: messageOf(error), untilRealMs: this.#ports.now() + OUTAGE_REAL_MS };
    }
  }

  async #send(vin: string, path: FleetPath, token: string): Promise<Response> {
    const { apiUrl, commandUrl } = this.#ports;
    const [base, rest, body] = requestOf(encodeURIComponent(vin), path);
    return fetch(`${base === 'signed' ? commandUrl : apiUrl}/api/1/vehicles/${rest}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_REAL_MS),
    });
  }

  async #read(response: Response, path: FleetPath): Promise<FleetAnswer> {
    const text = await response.text();
    const body = parseJson(text);
    const { status } = response;
    if (status === 200) return 'command' in path ? commandAnswer(path.command, body) : { kind: 'done', body };
    const said = errorSchema.safeParse(body).data;
    const error = said?.error_description || said?.error || text.slice(0, 200) || `it answers ${status}`;
    if (text.includes(UNPAIRED)) return { kind: 'no_access', reason: `The car refuses our key: ${PAIR}.` };
    if (status === 408) return { kind: 'asleep' };
    if (status === 429) {
      return { kind: 'later', reason: 'Too many requests.', untilRealMs: this.#ports.now() + waitRealMs(response) };
    }
    if (status >= 500) {
      const reason = `The Fleet API answers ${status}: ${error}`;
      return { kind: 'later', reason, untilRealMs: this.#ports.now() + OUTAGE_REAL_MS };
    }
    const mend = MENDS[status];
    if (mend === undefined) return { kind: 'refused', reason: `The Fleet API answers ${status}: ${error}` };
    return { kind: 'no_access', reason: `${mend} (${status}: ${error})` };
  }
}

/** What a person can do about an answer, by its status. */
const MENDS: Readonly<Record<number, string>> = {
  402: 'The application has no payment method, or has reached its billing limit at developer.tesla.com',
  403: `A scope is missing or commands have to be signed: link the account with vehicle_cmds, vehicle_charging_cmds, vehicle_device_data and vehicle_location, and set tesla.commandUrl; ${PAIR}`,
  404: 'The account does not have this car',
  412: 'The application is not registered in this region: POST /api/1/partner_accounts',
  421: 'The account is in another region: set tesla.apiUrl to its base URL',
};

function requestOf(vin: string, path: FleetPath): ['plain' | 'signed', string, unknown?] {
  if ('command' in path) return ['signed', `${vin}/command/${path.command}`, path.body ?? {}];
  if ('wake' in path) return ['plain', `${vin}/wake_up`, {}];
  if ('readTelemetry' in path) return ['plain', `${vin}/fleet_telemetry_config`];
  return ['signed', 'fleet_telemetry_config', path.telemetry];
}

function commandAnswer(command: string, body: unknown): FleetAnswer {
  const answer = commandSchema.safeParse(body).data?.response;
  if (!answer) return { kind: 'refused', reason: `${command} is answered with what cannot be read` };
  const reason = answer.reason || answer.string || 'no reason is given';
  if (answer.result || ALREADY.some((done) => reason.endsWith(done))) return { kind: 'done', body };
  if (reason.includes(UNPAIRED)) return { kind: 'no_access', reason: `The car refuses our key: ${PAIR}.` };
  return { kind: 'refused', reason: `${command}: ${reason}` };
}

/** By `Retry-After`, in seconds or as a date, else by the reset that rate limits are told with. */
function waitRealMs({ headers }: Response): number {
  const said = headers.get('retry-after') ?? headers.get('ratelimit-reset') ?? '';
  const seconds = said.trim() === '' ? Number.NaN : Number(said);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(said) - Date.now();
  return Number.isFinite(waitMs) ? Math.min(LONGEST_WAIT_REAL_MS, Math.max(1_000, waitMs)) : RATE_LIMIT_REAL_MS;
}
