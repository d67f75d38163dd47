import { MINUTE_MS } from '../../../domain/durations.ts';
import type { OpenAdrSecrets, OpenAdrSettings } from '../../../domain/openAdr.ts';
import type { ResourceBody, ReportBody, SubscriptionBody, VenBody } from './outgoing.ts';
import { VtnError } from './vtnError.ts';
import { vtnHttp, type VtnCall } from './vtnHttp.ts';
import { tokenSource } from './vtnTokens.ts';

type Query = Readonly<Record<string, string | readonly string[]>>;
type OutgoingBody = VenBody | ResourceBody | ReportBody | SubscriptionBody;

/** The most that the specification lets a page hold. */
const PAGE_SIZE = 50;
/** 50,000 objects: more is a server that pages in circles. */
const MAX_PAGES = 1_000;
/**
 * After a 403 that a new token did not change, a right is lacking: for so long no further token is asked for there. Not
 * for ever: a server that starts may refuse every token for a moment.
 */
const LACKING_RIGHT_REAL_MS = 5 * MINUTE_MS;
/** Of all pages of a list together, since they are held together. */
const MAX_WALK_BYTES = 64 * 1024 * 1024;

/** A utility's server as its VEN uses it. */
export interface VtnClient {
  /** The token that is in use, for a broker that asks for it. */
  token(): Promise<string | undefined>;
  /** @throws VtnError */
  get(path: string): Promise<unknown>;
  /** Every object of a list, or nothing: a walk that breaks off throws. @throws VtnError */
  walk(path: string, query?: Query): Promise<unknown[]>;
  /** @throws VtnError */
  post(path: string, body: OutgoingBody): Promise<unknown>;
  /** @throws VtnError */
  put(path: string, body: OutgoingBody): Promise<unknown>;
  /** @throws VtnError */
  delete(path: string): Promise<void>;
}

export interface VtnClientLimits {
  readonly answerLimitRealMs?: number;
  readonly maxBytes?: number;
  readonly maxWalkBytes?: number;
}

export function vtnClient(
  settings: OpenAdrSettings,
  secrets: OpenAdrSecrets,
  now: () => number,
  { maxWalkBytes = MAX_WALK_BYTES, ...limits }: VtnClientLimits = {},
): VtnClient {
  const { vtnUrl, verifyTls, ca, scopes, tokenUrl } = settings;
  const base = vtnUrl.endsWith('/') ? vtnUrl : `${vtnUrl}/`;
  const endpoint = (path: string): URL => new URL(path, base);
  const hidden = [secrets.callbackToken, ...(secrets.client ? [secrets.client.secret] : [])];
  const http = vtnHttp({ verifyTls, ca, secrets: hidden, ...limits });
  const tokens = tokenSource({ http, endpoint, client: secrets.client, scopes, tokenUrl, now });

  const lackingSinceRealMs = new Map<string, number>();

  const call = async (wanted: Omit<VtnCall, 'token'>): Promise<unknown> => {
    const token = await tokens.current();
    // By the list: the ids in it are many.
    const place = `${wanted.method} ${wanted.url.pathname.slice(endpoint('').pathname.length).split('/', 1)[0] ?? ''}`;
    try {
      return await http({ ...wanted, token });
    } catch (error) {
      if (!(error instanceof VtnError) || token === undefined) throw error;
      // A token that the server has forgotten is worth a new one, and many servers say so with 403.
      const sinceRealMs = lackingSinceRealMs.get(place) ?? Number.NEGATIVE_INFINITY;
      const isRefusal = error.status === 403 && now() - sinceRealMs >= LACKING_RIGHT_REAL_MS;
      if (error.status !== 401 && !isRefusal) throw error;
      tokens.forget(token);
      try {
        return await http({ ...wanted, token: await tokens.current() });
      } catch (again) {
        if (again instanceof VtnError && again.status === 403) lackingSinceRealMs.set(place, now());
        throw again;
      }
    }
  };

  return {
    token: () => tokens.current(),
    get: (path) => call({ method: 'GET', url: endpoint(path) }),
    post: (path, json) => call({ method: 'POST', url: endpoint(path), json }),
    put: (path, json) => call({ method: 'PUT', url: endpoint(path), json }),
    delete: async (path) => void (await call({ method: 'DELETE', url: endpoint(path) })),
    async walk(path, query = {}) {
      const found = new Map<string, unknown>();
      const budget = { leftBytes: maxWalkBytes };
      let skip = 0;
      for (let page = 0; page < MAX_PAGES; page++) {
        const url = endpoint(path);
        for (const [key, value] of Object.entries(query)) {
          for (const each of typeof value === 'string' ? [value] : value) url.searchParams.append(key, each);
        }
        url.searchParams.set('skip', String(skip));
        url.searchParams.set('limit', String(PAGE_SIZE));
        const items: unknown = await call({ method: 'GET', url, budget });
        if (!Array.isArray(items)) throw new VtnError(`GET ${url.pathname} answered no list`);
        const before = found.size;
        for (const item of items) found.set(idOf(item) ?? JSON.stringify(item), item);
        skip += items.length;
        // Servers cap pages as they like, or ignore `skip`: only a page without anything new is the end.
        if (found.size === before) return [...found.values()];
      }
      throw new VtnError(`GET ${path} has no end after ${MAX_PAGES} pages`);
    },
  };
}

function idOf(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null || !('id' in item)) return undefined;
  return typeof item.id === 'string' ? item.id : undefined;
}
