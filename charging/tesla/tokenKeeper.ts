import { z } from 'zod';
import { MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { AccessRefused } from './accessRefused.ts';

/** The tokens of one owner's account. */
export const accountTokensSchema = z.object({
  /** Good for one exchange: the answer holds the next one. */
  refreshToken: z.string().min(1),
  accessToken: z.string().nullable().default(null),
  expiresRealMs: z.number().default(0),
});
export type AccountTokens = z.infer<typeof accountTokensSchema>;

export interface TokenPorts {
  /** Where tokens are exchanged. */
  readonly tokenUrl: string;
  readonly clientId: string;
  /** Applications whose source is open have none. */
  readonly clientSecret: string | undefined;
  /** What is stored now: an account may have been linked anew. */
  readonly load: () => Promise<AccountTokens>;
  readonly save: (tokens: AccountTokens) => Promise<void>;
  /** Real time, epoch ms. */
  readonly now: () => number;
}

/** A token is renewed this long before its end, so that it does not end on its way. */
const EARLY_REAL_MS = 5 * MINUTE_MS;
const TIMEOUT_REAL_MS = 15_000;
const answerSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
  expires_in: z.number().positive(),
});

/**
 * Keeps the access token of one account fresh. A refresh token is good for one exchange, so exchanges never run side by
 * side, and the next one is stored before the access token is used: a process that dies in between has lost nothing but
 * an exchange, whose old token Tesla takes for 24 hours more.
 * Source: Tesla Fleet API, third-party tokens.
 */
export class TokenKeeper {
  readonly #ports: TokenPorts;
  #exchanging: Promise<string> | undefined;

  constructor(ports: TokenPorts) {
    this.#ports = ports;
  }

  /**
   * A token that is good for the next minutes.
   * @param refused one that was refused, whatever its time says
   * @throws AccessRefused when the owner has to link the account anew; NightshiftError `unavailable` when nobody answers
   */
  async access(refused?: string): Promise<string> {
    const { accessToken, expiresRealMs } = await this.#ports.load();
    const isGood = accessToken !== null && accessToken !== refused && expiresRealMs - this.#ports.now() > EARLY_REAL_MS;
    if (isGood) return accessToken;
    this.#exchanging ??= this.#exchange().finally(() => {
      this.#exchanging = undefined;
    });
    return this.#exchanging;
  }

  async #exchange(): Promise<string> {
    const { tokenUrl, clientId, clientSecret, load, save, now } = this.#ports;
    const { refreshToken } = await load();
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: refreshToken,
      ...(clientSecret !== undefined && { client_secret: clientSecret }),
    });
    const response = await fetch(tokenUrl, {
      method: 'POST',
      body: form,
      signal: AbortSignal.timeout(TIMEOUT_REAL_MS),
    }).catch((cause: unknown) => {
      throw new NightshiftError('unavailable', 'The server for tokens does not answer.', { cause });
    });
    if (response.status === 429 || response.status >= 500) {
      throw new NightshiftError('unavailable', `The server for tokens answers ${response.status}.`);
    }
    const body: unknown = await response.json().catch(() => undefined);
    const answer = answerSchema.safeParse(body);
    if (!answer.success) {
      const why = z.object({ error: z.string() }).safeParse(body).data?.error ?? `it answers ${response.status}`;
      throw new AccessRefused(`The refresh token is refused (${why}): the owner has to link the account anew.`);
    }
    const { access_token: accessToken, refresh_token: next = refreshToken, expires_in: seconds } = answer.data;
    await save({ refreshToken: next, accessToken, expiresRealMs: now() + seconds * 1000 });
    return accessToken;
  }
}
