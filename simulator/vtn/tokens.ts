import { randomBytes } from 'node:crypto';
import type { VtnFault } from './exchange.ts';

/** OAuth 2.0 client credentials for the one client of this server. */
export class TokenDesk {
  readonly #clientId: string;
  readonly #clientSecret: string;
  readonly #lifeSeconds: number;
  readonly #endsRealMs = new Map<string, number>();

  constructor(clientId: string, clientSecret: string, lifeSeconds: number) {
    this.#clientId = clientId;
    this.#clientSecret = clientSecret;
    this.#lifeSeconds = lifeSeconds;
  }

  issue(form: URLSearchParams): Exclude<VtnFault, string> {
    if (form.get('grant_type') !== 'client_credentials')
      return { status: 400, body: { error: 'unsupported_grant_type' } };
    if (form.get('client_id') !== this.#clientId || form.get('client_secret') !== this.#clientSecret) {
      return { status: 401, body: { error: 'invalid_client' } };
    }
    const token = randomBytes(16).toString('hex');
    this.#endsRealMs.set(token, Date.now() + this.#lifeSeconds * 1000);
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: this.#lifeSeconds } };
  }

  isValid(authorization: string | undefined): boolean {
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
    return (this.#endsRealMs.get(token) ?? 0) > Date.now();
  }

  forget(): void {
    this.#endsRealMs.clear();
  }
}
