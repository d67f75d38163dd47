import { isSameHost } from '../../../domain/openAdr.ts';
import { wireTokenSchema, wireTokenServerSchema } from './wire.ts';
import { isNotOffered, VtnError } from './vtnError.ts';
import type { VtnHttp } from './vtnHttp.ts';

export interface TokenSource {
  /** The token in use, or a new one when it is about to end. Undefined for a server that takes anybody. */
  current(): Promise<string | undefined>;
  /** The server does not take this one any more: get another, unless that has been done. */
  forget(token: string): void;
}

export interface TokenOptions {
  readonly http: VtnHttp;
  readonly endpoint: (path: string) => URL;
  readonly client: { readonly id: string; readonly secret: string } | undefined;
  readonly scopes: readonly string[];
  readonly tokenUrl: string | undefined;
  readonly now: () => number;
}

/** A token is renewed when this share of its life is over, so that none ends under way. */
const USED_SHARE = 0.8;

/** OAuth 2.0 client credentials, from the place that the server names. */
export function tokenSource({ http, endpoint, client, scopes, tokenUrl, now }: TokenOptions): TokenSource {
  let held: { readonly token: string; readonly renewAtRealMs: number } | undefined;

  const tokenPlace = async (): Promise<URL> => {
    if (tokenUrl !== undefined) return new URL(tokenUrl);
    const own = endpoint('auth/token');
    let answer: unknown;
    try {
      answer = await http({ method: 'GET', url: endpoint('auth/server') });
    } catch (error) {
      if (isNotOffered(error)) return own;
      throw error;
    }
    const named = wireTokenServerSchema.safeParse(answer);
    if (!named.success) throw new VtnError('auth/server names no tokenURL');
    const url = new URL(named.data.tokenURL, own);
    // The secret would go to whoever the answer names.
    if (!isSameHost(url.hostname, own.hostname)) {
      throw new VtnError(`auth/server names ${url.origin}, another host; configure it as the token URL to allow it`);
    }
    if (own.protocol === 'https:' && url.protocol !== 'https:') {
      throw new VtnError(
        `auth/server names ${url.origin}, which is http although the server is https: the secret would cross the ` +
          'network in the clear; have the server corrected, or configure a token URL with https',
      );
    }
    return url;
  };

  return {
    async current() {
      if (!client) return undefined;
      if (held && now() < held.renewAtRealMs) return held.token;
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.id,
        client_secret: client.secret,
        ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      });
      const answer = await http({ method: 'POST', url: await tokenPlace(), form });
      const issued = wireTokenSchema.safeParse(answer);
      if (!issued.success) throw new VtnError('the token server issued no token');
      const { access_token: token, expires_in: lifeSeconds } = issued.data;
      const lifeMs = lifeSeconds === undefined ? Number.POSITIVE_INFINITY : lifeSeconds * 1000;
      held = { token, renewAtRealMs: now() + lifeMs * USED_SHARE };
      return token;
    },
    forget(token) {
      if (held?.token === token) held = undefined;
    },
  };
}
