import { z } from 'zod';
import { MINUTE_MS } from '../../../domain/durations.ts';
import { FeedError, unusable } from './feedError.ts';
import type { FeedHttp } from './feedHttp.ts';
import { readingsFromStarts, type FeedReader } from './reading.ts';

export interface WattTimeConfig {
  /** E.g. CAISO_NORTH. */
  readonly region: string;
  readonly username: string;
  readonly password: string;
}

const GRAMS_PER_POUND = 453.59237;
const KWH_PER_MWH = 1000;
/** Tokens last 30 minutes; what is read from the clock here is real time. */
const TOKEN_REAL_MS = 25 * MINUTE_MS;

const forecastSchema = z.object({
  data: z.array(
    z.object({
      point_time: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
      value: z.number().nullable(),
    }),
  ),
  meta: z.object({
    signal_type: z.string(),
    units: z.string(),
    data_point_period_seconds: z.number().positive(),
  }),
});

/** WattTime v3, marginal operating emissions. Labels are interval starts; the step is named in the answer. */
export function wattTimeReader(http: FeedHttp, { region, username, password }: WattTimeConfig): FeedReader {
  let token: { readonly text: string; readonly untilRealMs: number } | undefined;
  const bearer = async (): Promise<string> => {
    if (token === undefined || Date.now() >= token.untilRealMs) {
      const basic = Buffer.from(`${username}:${password}`).toString('base64');
      const login = await http.json(
        { path: '/login', headers: { authorization: `Basic ${basic}` }, isSecret: true },
        z.object({ token: z.string() }),
      );
      token = { text: login.token, untilRealMs: Date.now() + TOKEN_REAL_MS };
    }
    return token.text;
  };
  return {
    kind: 'marginal_carbon',
    async read() {
      const authorization = `Bearer ${await bearer()}`;
      const query = { region, signal_type: 'co2_moer' };
      try {
        const answer = await http.json({ path: '/v3/forecast', query, headers: { authorization } }, forecastSchema);
        return readingsOf(answer);
      } catch (error) {
        // It may have been revoked: the next reading takes a new one.
        if (error instanceof FeedError) token = undefined;
        throw error;
      }
    },
  };
}

function readingsOf({ data, meta }: z.output<typeof forecastSchema>) {
  const { signal_type: signal, units, data_point_period_seconds: stepSeconds } = meta;
  if (signal !== 'co2_moer' || units !== 'lbs_co2_per_mwh') {
    throw unusable(`answered ${signal} in ${units}; co2_moer in lbs_co2_per_mwh is needed`);
  }
  const points = data.map(({ point_time: startMs, value: pounds }) => ({
    startMs,
    value: pounds === null ? null : (pounds * GRAMS_PER_POUND) / KWH_PER_MWH,
  }));
  return readingsFromStarts(points, true, stepSeconds * 1000);
}
