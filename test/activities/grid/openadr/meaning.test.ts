import { HOUR_MS } from '../../../../domain/durations.ts';
import { describe, expect, test } from 'vitest';

import { DEFAULT_FEEDER_SUPPLY } from '../../../../domain/feederSupply.ts';
import type { HeldEvent } from '../../../../activities/grid/openadr/heldEvent.ts';
import { meaningOf } from '../../../../activities/grid/openadr/meaning.ts';
import { wireEventSchema } from '../../../../activities/grid/openadr/wire.ts';

const START_MS = Date.parse('2026-02-10T00:00:00Z');
const WINDOW = { startMs: START_MS, endMs: START_MS + 4 * HOUR_MS };
const SITE = { regionId: 'berlin', source: 'openadr/grid', priority: 50, eurPer: { USD: 0.5 } };
const NORTH = { id: 'north', failSafeImportKw: 30, supply: DEFAULT_FEEDER_SUPPLY };
const FEEDERS = [NORTH, { id: 'south', failSafeImportKw: 10, supply: DEFAULT_FEEDER_SUPPLY }];

let events = 0;
function held(
  type: string,
  values: unknown[],
  over: Record<string, unknown> = {},
  more: Partial<HeldEvent> = {},
): HeldEvent {
  const event = wireEventSchema.parse({
    id: `e${events++}`,
    programID: 'p',
    intervalPeriod: { start: '2026-02-10T00:00:00Z', duration: 'PT2H' },
    intervals: [{ id: 0, payloads: [{ type, values }] }],
    ...over,
  });
  return { event, programDescriptors: [], anchorMs: START_MS, seed: 'ven', referenceKw: 20, feeders: FEEDERS, ...more };
}

/** `north 0-2 7.5`: feeder, hours since the start, value. */
function drawn(list: HeldEvent[], kind = 'import_limit'): string[] {
  return meaningOf(list, SITE, WINDOW, START_MS)
    .spans.filter((span) => span.kind === kind)
    .map(({ feederId, startMs, endMs, value, source }) => {
      const hours = `${(startMs - START_MS) / HOUR_MS}-${(endMs - START_MS) / HOUR_MS}`;
      return `${feederId ?? 'region'} ${hours} ${Number(value.toFixed(3))}${source.endsWith('/emergency') ? ' emergency' : ''}`;
    });
}

describe('what payloads say', () => {
  test.each<[string, unknown[], string[]]>([
    ['IMPORT_CAPACITY_LIMIT', [20], ['north 0-2 15', 'south 0-2 5']],
    ['CAPACITY_LIMIT', [20], ['north 0-2 15', 'south 0-2 5']],
    ['IMPORT_CAPACITY_SUBSCRIPTION', [8], ['north 0-2 6', 'south 0-2 2']],
    ['IMPORT_CAPACITY_LIMIT', [-4], ['north 0-2 0', 'south 0-2 0']],
    ['SIMPLE', [0], []],
    ['SIMPLE', [1], ['north 0-2 20', 'south 0-2 6.667']],
    ['SIMPLE', [3], ['north 0-2 0 emergency', 'south 0-2 0 emergency']],
    ['DISPATCH_SETPOINT', [12], ['north 0-2 9', 'south 0-2 3']],
    ['DISPATCH_SETPOINT_RELATIVE', [-12], ['north 0-2 6', 'south 0-2 2']],
    ['CONTROL_LEVEL_OFFSET', [5], ['north 0-2 15', 'south 0-2 5']],
    ['CONTROL_LEVEL_OFFSET', [-5], []],
    ['ALERT_GRID_EMERGENCY', ['Shed now'], ['north 0-2 0 emergency', 'south 0-2 0 emergency']],
    ['ALERT_FLEX_ALERT', ['Please shift'], ['north 0-2 20', 'south 0-2 6.667']],
    ['ALERT_FIRE', ['Smoke'], []],
    ['EXPORT_PRICE', [0.3], []],
  ])('%s %j', (type, values, expected) => {
    expect(drawn([held(type, values)])).toEqual(expected);
  });

  test('prices come in EUR/kWh, whatever their unit and currency, and may be negative', () => {
    const payloadDescriptors = [{ payloadType: 'PRICE', units: 'MWH', currency: 'USD' }];
    expect(drawn([held('PRICE', [100, -20], { payloadDescriptors })], 'price')).toEqual([
      'region 0-1 0.05',
      'region 1-2 -0.01',
    ]);
    const program = [{ payloadType: 'PRICE', units: 'KWH', currency: 'USD' }];
    expect(drawn([held('PRICE', ['0.4'], {}, { programDescriptors: program })], 'price')).toEqual(['region 0-2 0.2']);
  });

  test('GHG is marginal, and never lands in the average series', () => {
    expect(drawn([held('GHG', [320])], 'marginal_carbon')).toEqual(['region 0-2 320']);
    expect(drawn([held('GHG', [320])], 'carbon')).toEqual([]);
  });

  test('alerts are told to people in their own words', () => {
    const { alerts, ignored } = meaningOf([held('ALERT_FIRE', ['Smoke over the ridge'])], SITE, WINDOW, START_MS);
    expect(alerts).toMatchObject([{ type: 'ALERT_FIRE', message: 'Smoke over the ridge' }]);
    expect(ignored).toEqual([]);
  });

  test('private types are ignored by name, what is understood but without effect is not', () => {
    const { ignored, spans } = meaningOf(
      [held('x-moon-phase', [1]), held('EXPORT_PRICE', [1])],
      SITE,
      WINDOW,
      START_MS,
    );
    expect(ignored).toEqual(['x-moon-phase']);
    expect(spans).toEqual([]);
  });
});

const limit = (kw: number, over: Record<string, unknown> = {}) =>
  held('IMPORT_CAPACITY_LIMIT', [kw], over, { feeders: [NORTH] });
const priced = (value: number, modificationDateTime: string) => held('PRICE', [value], { modificationDateTime });

const contracted = (type: string, kw: number, over: Record<string, unknown> = {}) =>
  held(type, [kw], over, { feeders: [NORTH] });

describe('where events contradict each other', () => {
  const later = { start: '2026-02-10T01:00:00Z', duration: 'PT2H' };

  test('the lower priority counts, and none is the lowest', () => {
    expect(drawn([limit(5, { priority: 3 }), limit(9, { priority: 1 }), limit(1)])).toEqual(['north 0-2 9']);
    expect(drawn([limit(5), limit(9, { priority: 0, intervalPeriod: later })])).toEqual(['north 0-1 5', 'north 1-3 9']);
  });

  test('among equals the tightest limit', () => {
    expect(drawn([limit(5), limit(9, { intervalPeriod: later })])).toEqual(['north 0-2 5', 'north 2-3 9']);
  });

  test('among equals the newest price', () => {
    const prices = [
      priced(0.1, '2026-02-01T00:00:00Z'),
      priced(0.2, '2026-02-02T00:00:00Z'),
      priced(0.3, '2026-01-31T00:00:00Z'),
    ];
    expect(drawn(prices, 'price')).toEqual(['region 0-2 0.2']);
  });

  test('a dynamic limit stands before the contracted capacity, which is there when it ends', () => {
    const contract = held(
      'IMPORT_CAPACITY_SUBSCRIPTION',
      [4],
      { intervalPeriod: { start: '2026-02-10T00:00:00Z', duration: 'P9999Y' } },
      { feeders: [NORTH] },
    );
    expect(drawn([contract, limit(12)])).toEqual(['north 0-2 12', 'north 2-4 4']);
  });

  test('what is reserved is allowed beyond the subscription, each by its own priority', () => {
    const subscription = contracted('IMPORT_CAPACITY_SUBSCRIPTION', 20);
    const reservation = contracted('IMPORT_CAPACITY_RESERVATION', 10, { intervalPeriod: later });
    expect(drawn([subscription, reservation])).toEqual(['north 0-1 20', 'north 1-2 30', 'north 2-3 10']);
    expect(drawn([subscription, reservation, limit(5, { intervalPeriod: later })])).toEqual([
      'north 0-1 20',
      'north 1-3 5',
    ]);
    const payloads = [
      { type: 'IMPORT_CAPACITY_SUBSCRIPTION', values: [20] },
      { type: 'IMPORT_CAPACITY_RESERVATION', values: [10] },
    ];
    expect(drawn([contracted('', 0, { intervals: [{ id: 0, payloads }] })])).toEqual(['north 0-2 30']);
  });

  test('an emergency stays beside a limit of a better priority', () => {
    const alert = held('ALERT_GRID_EMERGENCY', ['now'], {}, { feeders: [NORTH] });
    expect(drawn([limit(9, { priority: 0 }), alert]).sort()).toEqual(['north 0-2 0 emergency', 'north 0-2 9']);
  });
});

test.each([
  [
    'an unknown currency',
    held('PRICE', [1], { payloadDescriptors: [{ payloadType: 'PRICE', currency: 'SEK' }] }),
    'SEK',
  ],
  [
    'an unknown unit',
    held('IMPORT_CAPACITY_LIMIT', [1], {
      payloadDescriptors: [{ payloadType: 'IMPORT_CAPACITY_LIMIT', units: 'KVAR' }],
    }),
    'KVAR',
  ],
  ['a value that is no number', held('IMPORT_CAPACITY_LIMIT', ['lots']), 'lots'],
  ['a level that does not exist', held('SIMPLE', [7]), '7'],
  [
    'a relative setpoint without a load',
    held('DISPATCH_SETPOINT_RELATIVE', [-1], {}, { referenceKw: null }),
    'metered',
  ],
])('%s refuses that event with its reason; the others hold', (_, bad, words) => {
  const good = held('IMPORT_CAPACITY_LIMIT', [20]);
  const { refusals, spans } = meaningOf([bad, good], SITE, WINDOW, START_MS);
  expect([...refusals]).toEqual([[bad.event.id, { refused: expect.stringContaining(words), refusedPayloads: [] }]]);
  expect(spans).toHaveLength(2);
});
