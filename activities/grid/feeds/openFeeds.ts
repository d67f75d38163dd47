import { MINUTE_MS } from '../../../domain/durations.ts';
import { resolve } from 'node:path';
import type { Region } from '../../../store/regions.ts';
import { DEFAULT_PRIORITY } from '../../../store/signals.ts';
import { cached } from './cached.ts';
import { caisoReader } from './caisoFeed.ts';
import { electricityMapsReader } from './electricityMapsFeed.ts';
import { entsoeReader } from './entsoeFeed.ts';
import type { GridFeed } from './feed.ts';
import { feedListSchema, feedName, type FeedConfig } from './feedConfig.ts';
import { FeedError } from './feedError.ts';
import { feedHttp, type FeedHttpOptions } from './feedHttp.ts';
import { createFileFeed } from './fileFeed.ts';
import { octopusReader } from './octopusFeed.ts';
import { openMeteoReader } from './openMeteoFeed.ts';
import { feedOf, type FeedReader } from './reading.ts';
import { retrying } from './retrying.ts';
import { ukCarbonReader } from './ukCarbonFeed.ts';
import { wattTimeReader } from './wattTimeFeed.ts';
import { timeOfUseReader } from '../tariff/timeOfUse.ts';
import { urdbReader } from '../tariff/urdb.ts';

export interface FeedSurroundings {
  /** Relative paths are meant from here. */
  readonly folder: string;
  /** Holds the secrets that feeds name. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The feeds that ask a source over the network. */
type HttpFeedConfig = Exclude<FeedConfig, { kind: 'file' | 'tariff' | 'urdb' }>;

const ORIGINS = {
  entsoe: 'https://web-api.tp.entsoe.eu',
  octopus: 'https://api.octopus.energy',
  caiso: 'https://oasis.caiso.com',
  electricity_maps: 'https://api.electricitymaps.com',
  watttime: 'https://api.watttime.org',
  uk_carbon: 'https://api.carbonintensity.org.uk',
  open_meteo: 'https://api.open-meteo.com',
} as const satisfies Record<HttpFeedConfig['kind'], string>;

/** Grid time for which an answer is used again: sources count requests, and none of them changes faster. */
const MAX_AGE_MS = {
  entsoe: 15 * MINUTE_MS,
  octopus: 15 * MINUTE_MS,
  caiso: 5 * MINUTE_MS,
  electricity_maps: 15 * MINUTE_MS,
  watttime: 5 * MINUTE_MS,
  uk_carbon: 15 * MINUTE_MS,
  open_meteo: 60 * MINUTE_MS,
} as const satisfies Record<HttpFeedConfig['kind'], number>;

type PlacedRegion = Pick<Region, 'id' | 'feeds' | 'timeZone'>;

/**
 * Opens the feeds of regions, and keeps them open while their configuration stays the same: caches and tokens live
 * in them. A feed whose secret is not set fails when it is read, so that the region's other feeds go on.
 */
export function feedOpener(surroundings: FeedSurroundings): (region: PlacedRegion) => readonly GridFeed[] {
  const opened = new Map<string, { readonly form: string; readonly feeds: readonly GridFeed[] }>();
  return (region) => {
    const form = JSON.stringify([region.timeZone, region.feeds]);
    const known = opened.get(region.id);
    if (known?.form === form) return known.feeds;
    const feeds = feedListSchema.parse(region.feeds).map((config) => openFeed(region, config, surroundings));
    opened.set(region.id, { form, feeds });
    return feeds;
  };
}

function openFeed(region: PlacedRegion, config: FeedConfig, { folder, env }: FeedSurroundings): GridFeed {
  const { priority = DEFAULT_PRIORITY } = config;
  if (config.kind === 'file') return createFileFeed(region.id, resolve(folder, config.path), priority);
  const place = { regionId: region.id, source: feedName(config), priority };
  if (config.kind === 'tariff') return feedOf(place, timeOfUseReader(config.timeZone ?? region.timeZone, config));
  if (config.kind === 'urdb') {
    const { timeZone = region.timeZone, path } = config;
    return feedOf(place, urdbReader({ ...config, timeZone, path: resolve(folder, path) }));
  }
  try {
    return cached(retrying(feedOf(place, readerOf(config, env))), MAX_AGE_MS[config.kind]);
  } catch (error) {
    return { name: place.source, read: () => Promise.reject(error) };
  }
}

// oxlint-disable-next-line typescript/consistent-return -- the switch is exhaustive
function readerOf(config: HttpFeedConfig, env: FeedSurroundings['env']): FeedReader {
  const secret = (variable: string): string => {
    const value = env[variable];
    if (!value) throw new FeedError(`environment variable ${variable} is not set`, { retryable: false });
    return value;
  };
  const http = (options: Omit<FeedHttpOptions, 'origin'> = {}) =>
    feedHttp({ origin: config.url ?? ORIGINS[config.kind], ...options });
  switch (config.kind) {
    case 'entsoe': {
      const token = secret(config.tokenEnv);
      return entsoeReader(http({ secrets: [token] }), { biddingZone: config.biddingZone, token });
    }
    case 'octopus':
      return octopusReader(http(), config);
    case 'caiso':
      return caisoReader(http(), config);
    case 'electricity_maps': {
      const token = secret(config.tokenEnv);
      return electricityMapsReader(http({ headers: { 'auth-token': token }, secrets: [token] }), config);
    }
    case 'watttime': {
      const [username, password] = [secret(config.usernameEnv), secret(config.passwordEnv)];
      return wattTimeReader(http({ secrets: [password] }), { region: config.region, username, password });
    }
    case 'uk_carbon':
      return ukCarbonReader(http(), config);
    case 'open_meteo':
      return openMeteoReader(http(), config);
  }
}
