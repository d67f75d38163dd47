import { z } from 'zod';
import { timeZoneSchema } from '../../../domain/vehicles.ts';
import { holidaysSchema, timeOfUseFields } from '../tariff/timeOfUse.ts';

const name = z.string().min(1).max(100);
const environmentVariable = z
  .string()
  .regex(
    /^[A-Z][A-Z0-9_]*$/,
    'must name an environment variable, in capitals; the secret itself stays out of the file',
  );
const exchangeRate = z.number().positive().max(1000);

const ranked = {
  /** Where several feeds say something, the lowest counts; 100 when left out. */
  priority: z.number().int().min(0).max(1000).optional(),
};
const common = {
  ...ranked,
  /** Name of its series. Two feeds of a region need two names. */
  name: name.optional(),
};

/** The clock that a tariff goes by; the region's when left out. */
const onTheWall = { ...common, timeZone: timeZoneSchema.optional() };

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const overHttp = {
  ...common,
  /** Another origin than the source's own: a mirror, or an installation of one's own. */
  url: z
    .string()
    .refine((text) => {
      if (!URL.canParse(text)) return false;
      const { origin, protocol, hostname } = new URL(text);
      return origin === text && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
    }, 'must be an origin such as https://example.org: no path, and http only on this machine')
    .optional(),
};

/** How a region names its feeds in the cell file. One member per adapter. docs/grid.md */
export const feedConfigSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), ...ranked, path: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('entsoe'),
    ...overHttp,
    biddingZone: z.string().regex(/^[\w-]{16}$/, 'must be an EIC code of 16 signs'),
    tokenEnv: environmentVariable,
  }),
  z.strictObject({
    kind: z.literal('octopus'),
    ...overHttp,
    product: z.string().regex(/^[\w-]+$/),
    tariff: z.string().regex(/^[\w-]+$/),
    paymentMethod: z.enum(['DIRECT_DEBIT', 'NON_DIRECT_DEBIT']).default('DIRECT_DEBIT'),
    eurPerGbp: exchangeRate,
  }),
  z.strictObject({
    kind: z.literal('caiso'),
    ...overHttp,
    node: name,
    market: z.enum(['day_ahead', 'real_time']).default('day_ahead'),
    eurPerUsd: exchangeRate,
  }),
  z.strictObject({ kind: z.literal('electricity_maps'), ...overHttp, zone: name, tokenEnv: environmentVariable }),
  z.strictObject({
    kind: z.literal('watttime'),
    ...overHttp,
    region: name,
    usernameEnv: environmentVariable,
    passwordEnv: environmentVariable,
  }),
  z.strictObject({
    kind: z.literal('uk_carbon'),
    ...overHttp,
    regionNumber: z.number().int().min(1).max(17).optional(),
  }),
  z.strictObject({
    kind: z.literal('open_meteo'),
    ...overHttp,
    latitude: z.number().min(-90).max(90),
    longitude: z.number().min(-180).max(180),
  }),
  z.strictObject({ kind: z.literal('tariff'), ...onTheWall, ...timeOfUseFields }),
  z.strictObject({
    kind: z.literal('urdb'),
    ...onTheWall,
    path: z.string().min(1),
    tier: z.number().int().min(1).max(20).default(1),
    holidays: holidaysSchema,
    eurPerUsd: exchangeRate,
  }),
]);
export type FeedConfig = z.infer<typeof feedConfigSchema>;

/** Name of the feed's series where the cell file gives none. */
export function feedName({ name, kind }: Exclude<FeedConfig, { kind: 'file' }>): string {
  return name ?? kind;
}

/** All feeds of a region. */
export const feedListSchema = z.array(feedConfigSchema).superRefine((feeds, context) => {
  const seen = new Set<string>();
  for (const [index, feed] of feeds.entries()) {
    // Records of a file name their sources themselves.
    if (feed.kind === 'file') continue;
    const given = feedName(feed);
    if (seen.has(given)) {
      const message = `${JSON.stringify(given)} is taken by another feed of the region`;
      context.addIssue({ code: 'custom', path: [index, 'name'], message });
    }
    seen.add(given);
  }
});
