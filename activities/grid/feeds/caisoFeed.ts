import type { TimeWindow } from '../../../store/signals.ts';
import { FeedError, unusable } from './feedError.ts';
import type { FeedHttp } from './feedHttp.ts';
import type { FeedReader, Reading } from './reading.ts';
import { firstZipEntry } from './zipEntry.ts';

export interface CaisoConfig {
  /** Pricing node, e.g. TH_NP15_GEN-APND. */
  readonly node: string;
  readonly market: keyof typeof MARKETS;
  readonly eurPerUsd: number;
}

const KWH_PER_MWH = 1000;
const MAX_CSV_BYTES = 32 * 1024 * 1024;
/** The two reports name their price column differently. */
const MARKETS = {
  day_ahead: { queryname: 'PRC_LMP', market_run_id: 'DAM', version: '12', column: 'MW' },
  real_time: { queryname: 'PRC_INTVL_LMP', market_run_id: 'RTM', version: '3', column: 'VALUE' },
} as const;

/** CAISO OASIS locational prices. Its hour of operation is hour-ending Pacific; the GMT columns are used instead. */
export function caisoReader(http: FeedHttp, { node, market, eurPerUsd }: CaisoConfig): FeedReader {
  const { column, ...report } = MARKETS[market];
  return {
    kind: 'price',
    async read(window) {
      const archive = await http.bytes({
        path: '/oasisapi/SingleZip',
        query: { ...report, resultformat: '6', node, ...periodOf(window) },
      });
      if (archive.subarray(0, 2).toString('latin1') !== 'PK') {
        // What OASIS answers who asks too often, with status 200.
        throw new FeedError(`answered no archive: ${archive.toString('utf8', 0, 200)}`, { retryable: true });
      }
      const { name, content } = firstZipEntry(archive, MAX_CSV_BYTES);
      const text = content.toString('utf8');
      if (!name.toLowerCase().endsWith('.csv')) throw unusable(`answered ${name}: ${oasisError(text)}`);
      return readCsv(text, column, eurPerUsd);
    },
  };
}

function readCsv(text: string, priceColumn: string, eurPerUsd: number): Reading[] {
  const [header = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const columns = header.split(',');
  const indexOf = (name: string): number => {
    const index = columns.indexOf(name);
    if (index < 0) throw unusable(`the table has no column ${name}`);
    return index;
  };
  const [start, end] = [indexOf('INTERVALSTARTTIME_GMT'), indexOf('INTERVALENDTIME_GMT')];
  const [type, price] = [indexOf('LMP_TYPE'), indexOf(priceColumn)];
  return lines.flatMap((line) => {
    const cells = line.split(',');
    // The other rows are the parts that this one is the sum of.
    if (cells[type] !== 'LMP') return [];
    const usdPerMwh = cells[price]?.trim();
    if (usdPerMwh === undefined || usdPerMwh === '') return [];
    const startMs = Date.parse(cells[start] ?? '');
    const endMs = Date.parse(cells[end] ?? '');
    return [{ startMs, endMs, value: (Number(usdPerMwh) / KWH_PER_MWH) * eurPerUsd, forecast: false }];
  });
}

function oasisError(xml: string): string {
  return /<(?:\w+:)?ERR_DESC>([^<]*)</.exec(xml)?.[1] ?? xml.slice(0, 200);
}

function periodOf({ startMs, endMs }: TimeWindow): { startdatetime: string; enddatetime: string } {
  return { startdatetime: minute(startMs), enddatetime: minute(endMs) };
}

/** 20260101T08:00-0000 */
function minute(ms: number): string {
  return `${new Date(ms).toISOString().replaceAll('-', '').slice(0, 14)}-0000`;
}
