import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { HOUR_MS } from '../../../domain/durations.ts';
import type { TimeWindow } from '../../../store/signals.ts';
import { unusable } from './feedError.ts';
import type { FeedHttp } from './feedHttp.ts';
import type { FeedReader, Reading } from './reading.ts';

export interface EntsoeConfig {
  /** EIC code of the bidding zone, e.g. 10Y1001A1001A82H. */
  readonly biddingZone: string;
  readonly token: string;
}

const KWH_PER_MWH = 1000;
const RESOLUTION_MS: Readonly<Record<string, number>> = { PT15M: 900_000, PT30M: 1_800_000, PT60M: HOUR_MS };

const parser = new XMLParser({
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false,
  processEntities: false,
  isArray: (name) => name === 'TimeSeries' || name === 'Period' || name === 'Point' || name === 'Reason',
});

const time = z.string().transform((text, context) => {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'is not a time' });
  return z.NEVER;
});
const number = z.string().pipe(z.coerce.number());

const seriesSchema = z.object({
  'currency_Unit.name': z.string(),
  'price_Measure_Unit.name': z.literal('MWH'),
  curveType: z.enum(['A01', 'A03']).default('A03'),
  'classificationSequence_AttributeInstanceComponent.position': number.default(1),
  Period: z.array(
    z.object({
      timeInterval: z.object({ start: time, end: time }),
      resolution: z.string(),
      Point: z.array(z.object({ position: number, 'price.amount': number })),
    }),
  ),
});
const answerSchema = z.union([
  z.object({ Publication_MarketDocument: z.object({ TimeSeries: z.array(seriesSchema).default([]) }) }),
  z.object({ Acknowledgement_MarketDocument: z.object({ Reason: z.array(z.object({ text: z.string() })).min(1) }) }),
]);
type Series = z.infer<typeof seriesSchema>;
type Period = Series['Period'][number];

/** ENTSO-E day-ahead prices, document A44. Labels are interval starts, in UTC. */
export function entsoeReader(http: FeedHttp, { biddingZone, token }: EntsoeConfig): FeedReader {
  return {
    kind: 'price',
    async read(window) {
      const xml = await http.text({
        path: '/api',
        query: {
          securityToken: token,
          documentType: 'A44',
          in_Domain: biddingZone,
          out_Domain: biddingZone,
          ...periodOf(window),
        },
      });
      return readDocument(xml);
    },
  };
}

function readDocument(xml: string): Reading[] {
  let value: unknown;
  try {
    value = parser.parse(xml, true);
  } catch {
    throw unusable(`answered no XML: ${xml.slice(0, 200)}`);
  }
  const parsed = answerSchema.safeParse(value);
  if (!parsed.success) throw unusable(`answered no prices of document A44: ${xml.slice(0, 200)}`);
  // An error comes with status 200 as well.
  if ('Acknowledgement_MarketDocument' in parsed.data) {
    throw unusable(parsed.data.Acknowledgement_MarketDocument.Reason.map(({ text }) => text).join('; '));
  }
  const auctions = parsed.data.Publication_MarketDocument.TimeSeries.flatMap((series) => {
    const currency = series['currency_Unit.name'];
    if (currency !== 'EUR') throw unusable(`prices are in ${currency}; EUR is needed`);
    return series.Period.map((period) => ({ series, period, stepMs: stepOf(period) }));
  });
  // The first auction is the price of the day; of one auction the finer products count.
  auctions.sort((a, b) => position(a.series) - position(b.series) || a.stepMs - b.stepMs);
  return auctions.flatMap(({ series, period, stepMs }) => pointsOf(period, stepMs, series.curveType === 'A03'));
}

/** Rank of the auction that the series is of. */
function position(series: Series): number {
  return series['classificationSequence_AttributeInstanceComponent.position'];
}

function stepOf({ resolution }: Period): number {
  const stepMs = RESOLUTION_MS[resolution];
  if (stepMs === undefined) throw unusable(`resolution ${resolution} is none of ${Object.keys(RESOLUTION_MS).join()}`);
  return stepMs;
}

/** Curve A03 leaves out positions that repeat the value before them; the count follows from the interval alone. */
function pointsOf({ timeInterval: { start, end }, Point }: Period, stepMs: number, fillsForward: boolean): Reading[] {
  const points = [...Point].sort((a, b) => a.position - b.position);
  return points.map(({ position, 'price.amount': eurPerMwh }, index) => {
    const startMs = start + (position - 1) * stepMs;
    const next = points[index + 1];
    const untilMs = next === undefined ? end : start + (next.position - 1) * stepMs;
    return {
      startMs,
      endMs: Math.min(end, fillsForward ? untilMs : startMs + stepMs),
      value: eurPerMwh / KWH_PER_MWH,
      forecast: false,
    };
  });
}

function periodOf({ startMs, endMs }: TimeWindow): { periodStart: string; periodEnd: string } {
  return { periodStart: minute(startMs), periodEnd: minute(endMs) };
}

/** yyyyMMddHHmm, UTC. */
function minute(ms: number): string {
  return new Date(ms).toISOString().replace(/\D/g, '').slice(0, 12);
}
