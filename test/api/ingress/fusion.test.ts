import { SECOND_MS } from '../../../domain/durations.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { initialState, restoreState, socPercentOf, type FusedState } from '../../../api/ingress/fusedState.ts';
import { fuse, FUSION_RULES, type FusionEvent, type FusionInput } from '../../../api/ingress/fusion.ts';
import type { FieldName, FieldValue } from '../../../api/ingress/parseField.ts';
import { plugSigns } from '../../../api/ingress/plugSigns.ts';

const START_MS = Date.UTC(2026, 0, 10, 18);

const field = (name: FieldName, value: FieldValue, retained = false): FusionInput => ({
  kind: 'field',
  name,
  value,
  retained,
});
const connectivity = (
  status: 'CONNECTED' | 'DISCONNECTED' | 'UNKNOWN',
  connectionId: string,
  retained = false,
): FusionInput => ({ kind: 'connectivity', connectionId, status, retained });
const TICK: FusionInput = { kind: 'tick' };

type Step = FusionInput | readonly [second: number, input: FusionInput];

/** Takes inputs a second apart, or at the named second after the last message in `from`; gives the state and the kinds of events but SoC changes. */
function run(inputs: readonly Step[], from = initialState(START_MS)) {
  let state: FusedState = from;
  let atMs = from.contactAtMs;
  const startMs = atMs;
  const all: FusionEvent[] = [];
  for (const each of inputs) {
    const [second, input] = 'kind' in each ? [(atMs - startMs) / SECOND_MS + 1, each] : each;
    atMs = startMs + second * SECOND_MS;
    const fused = fuse(state, input, atMs);
    all.push(...fused.events);
    state = fused.state;
  }
  return { state, all, events: all.map(({ kind }) => kind).filter((kind) => kind !== 'socChanged') };
}

const ARRIVAL = [
  field('Gear', 'P'),
  field('VehicleSpeed', 0),
  field('DetailedChargeState', 'Starting'),
  field('ChargePortLatch', 'Engaged'),
  field('ChargingCableType', 'IEC'),
  field('ACChargingPower', 7.4),
  field('BatteryLevel', 41),
];
const DEPARTURE = [
  field('DetailedChargeState', 'Disconnected'),
  field('ChargePortLatch', 'Disengaged'),
  field('ChargingCableType', 'SNA'),
  field('ACChargingPower', 0),
  field('Gear', 'D'),
  field('VehicleSpeed', 28),
];
const PLUGGED = run(ARRIVAL).state;

/** The inputs in any order, some of them twice. */
function shuffledWithRepeats(inputs: readonly FusionInput[]): fc.Arbitrary<FusionInput[]> {
  const repeats = fc.subarray([...inputs]);
  return repeats.chain((again) =>
    fc.shuffledSubarray([...inputs, ...again], { minLength: inputs.length + again.length }),
  );
}

describe('plugging in', () => {
  test('whatever the order and the repeats, an arrival is one plug-in', () => {
    const driving = run([
      field('Gear', 'D'),
      field('VehicleSpeed', 30),
      field('DetailedChargeState', 'Disconnected'),
    ]).state;
    fc.assert(
      fc.property(shuffledWithRepeats(ARRIVAL), fc.constantFrom(initialState(START_MS), driving), (inputs, from) => {
        const { state, events } = run(inputs, from);
        expect(state.plug).toBe('plugged');
        expect(events).toEqual(['pluggedIn']);
      }),
    );
  });

  test.each<[string, Step[]]>([
    ['one sign', [field('DetailedChargeState', 'Charging')]],
    ['one sign twice', [field('ChargePortLatch', 'Engaged'), field('ChargePortLatch', 'Engaged')]],
    ['two signs against two', [...DEPARTURE.slice(0, 2), ...ARRIVAL.slice(4, 6)]],
    ['signs of a car that drives', [field('Gear', 'D'), ...ARRIVAL.slice(2)]],
    [
      'a second sign when the first is old',
      [
        [1, field('DetailedChargeState', 'Starting')],
        [700, field('ChargePortLatch', 'Engaged')],
      ],
    ],
    [
      'unknown values',
      [field('DetailedChargeState', 'Unknown'), field('ChargePortLatch', null), field('ChargingCableType', 'SNA')],
    ],
  ])('%s is not enough', (_what, inputs) => {
    expect(run(inputs).events.filter((kind) => kind !== 'departed')).toEqual([]);
  });

  test('a lost signal does not stand against three others', () => {
    const inputs = [field('DetailedChargeState', 'Disconnected'), ...ARRIVAL.slice(3, 6)];
    expect(run(inputs).events).toEqual(['pluggedIn']);
    // Sent again and again, it is still no news.
    expect(run([...inputs, inputs[0] ?? TICK, inputs[0] ?? TICK]).events).toEqual(['pluggedIn']);
  });

  test('retained messages never do anything, in any order', () => {
    const inputs = [...ARRIVAL, ...DEPARTURE].map((input) => ({ ...input, retained: true }));
    fc.assert(
      fc.property(shuffledWithRepeats(inputs), fc.constantFrom(initialState(START_MS), PLUGGED), (messages, from) => {
        expect(run(messages, from).events).toEqual([]);
      }),
    );
  });
});

describe('where it is plugged in', () => {
  const elsewhere = field('LocatedAtHome', 'false');
  const atHome = field('LocatedAtHome', 'true');

  test('a plug anywhere else is not the one that it is enrolled with', () => {
    expect(run([elsewhere, ...ARRIVAL]).events).toEqual([]);
    expect(run([elsewhere, ...ARRIVAL, atHome]).events).toEqual(['pluggedIn']);
    expect(run([atHome, ...ARRIVAL]).events).toEqual(['pluggedIn']);
  });

  test('its position is more than its own word of its home: its plug may be at work', () => {
    const here = field('Location', 'here');
    expect(run([elsewhere, here, ...ARRIVAL]).events).toEqual(['pluggedIn']);
    expect(run([atHome, field('Location', 'elsewhere'), ...ARRIVAL]).events).toEqual([]);
    // It does not know where it is.
    expect(run([elsewhere, field('Location', null), ...ARRIVAL]).events).toEqual([]);
    expect(run([atHome, field('Location', null), ...ARRIVAL]).events).toEqual(['pluggedIn']);
  });

  test('a car that was plugged in here and says that it is elsewhere is doubted, and gone once nothing speaks against it', () => {
    const { state, events } = run([elsewhere], PLUGGED);
    expect(events).toEqual(['doubted']);
    expect(run([[FUSION_RULES.doubtMs / SECOND_MS + 1, TICK]], state).events).toEqual(['unplugged']);
  });
});

describe('leaving', () => {
  test('whatever the order and the repeats, a departure is one unplugging and one departure', () => {
    fc.assert(
      fc.property(shuffledWithRepeats(DEPARTURE), (inputs) => {
        const { state, events } = run(inputs, PLUGGED);
        expect(state.plug).toBe('away');
        expect(events.filter((kind) => kind !== 'doubted')).toEqual(['unplugged', 'departed']);
      }),
    );
  });

  test('one sign only casts doubt, and silence then ends the stay', () => {
    const { events } = run(
      [
        [10, field('DetailedChargeState', 'Disconnected')],
        [500, TICK],
        [611, TICK],
      ],
      PLUGGED,
    );
    expect(events).toEqual(['doubted', 'unplugged']);
  });

  test('two signs since then confirm the stay', () => {
    const { events, state } = run(
      [field('Gear', 'D'), field('Gear', 'P'), field('DetailedChargeState', 'Charging'), field('ACChargingPower', 7.2)],
      PLUGGED,
    );
    expect(events).toEqual(['doubted', 'confirmed']);
    expect(state.plug).toBe('plugged');
  });

  test('when time is up, one sign since then is enough if more say that it stays', () => {
    const inputs: [number, FusionInput][] = [
      [10, field('ChargePortLatch', 'Disengaged')],
      [300, field('DetailedChargeState', 'Stopped')],
      [611, TICK],
    ];
    expect(run(inputs, PLUGGED).events).toEqual(['doubted', 'confirmed']);
  });

  test('in gear and moving it has left, whatever its charge port goes on to say', () => {
    expect(run([field('Gear', 'D')], PLUGGED).events).toEqual(['doubted']);
    const stuck = [field('Gear', 'D'), field('VehicleSpeed', 28), field('DetailedChargeState', 'Charging')];
    expect(run(stuck, PLUGGED)).toMatchObject({
      state: { plug: 'away' },
      events: ['doubted', 'unplugged', 'departed'],
    });
  });

  test('a car that is silent, asleep or restarted with us stays plugged in', () => {
    const { state, events } = run(
      [5_000, 50_000].map((second): Step => [second, TICK]),
      PLUGGED,
    );
    expect(events).toEqual([]);
    // Itself: a car that is silent is not written again and again.
    expect(state).toBe(PLUGGED);
    expect(restoreState(JSON.parse(JSON.stringify(PLUGGED)), START_MS)).toEqual({ ...PLUGGED, contactAtMs: START_MS });
    expect(restoreState({ plug: 'plugged' }, START_MS)).toEqual(initialState(START_MS));
  });

  test('what the broker kept is no evidence, until something says the same live', () => {
    const kept = DEPARTURE.slice(0, 2).map((input) => ({ ...input, retained: true }));
    expect(run(kept, PLUGGED).events).toEqual([]);
    expect(run([...kept, ...DEPARTURE.slice(0, 1)], PLUGGED).events).toEqual(['unplugged']);
  });
});

describe('connections', () => {
  const up = connectivity('CONNECTED', 'a');

  test.each<[string, Step[], string[]]>([
    ['CONNECTED twice', [up, up], ['online']],
    [
      'a new socket before the old one is closed',
      [up, connectivity('CONNECTED', 'b'), [60, connectivity('DISCONNECTED', 'a')], [90, TICK]],
      ['online'],
    ],
    [
      'a socket replaced within seconds',
      [up, [10, connectivity('DISCONNECTED', 'a')], [13, connectivity('CONNECTED', 'b')], [60, TICK]],
      ['online'],
    ],
    [
      'a closed socket',
      [up, [10, connectivity('DISCONNECTED', 'a')], [14, TICK], [15, TICK], [16, TICK]],
      ['online', 'offline'],
    ],
    ['a socket closed that was never ours', [up, connectivity('DISCONNECTED', 'x'), [60, TICK]], ['online']],
    ['an unknown status', [connectivity('UNKNOWN', 'a'), [60, TICK]], []],
    [
      'a server that was killed',
      [up, [500, field('BatteryLevel', 1)], [1_100, TICK], [1_101, TICK]],
      ['online', 'offline'],
    ],
    [
      'a broker that was away for long: the car speaks on without another CONNECTED',
      [up, [602, TICK], [700, field('BatteryLevel', 1)], [701, connectivity('DISCONNECTED', 'a')], [710, TICK]],
      ['online', 'offline', 'online', 'offline'],
    ],
    [
      'a socket closed before the car was given up stays closed',
      [up, [602, TICK], [650, connectivity('DISCONNECTED', 'a')], [700, field('BatteryLevel', 1)]],
      ['online', 'offline'],
    ],
    [
      'what the broker kept does not open it again',
      [up, [602, TICK], [700, field('BatteryLevel', 1, true)]],
      ['online', 'offline'],
    ],
    ['the last one, retained', [connectivity('CONNECTED', 'a', true), [5, TICK]], ['online']],
  ])('%s', (_what, inputs, expected) => {
    expect(run(inputs).events).toEqual(expected);
  });

  test('how many sockets are kept is bounded', () => {
    const inputs = Array.from({ length: 100 }, (_, index) => connectivity('CONNECTED', String(index)));
    expect(run(inputs).state.connectionIds).toHaveLength(8);
  });
});

test('SoC is told when it changes; Soc stands in for BatteryLevel', () => {
  const { all } = run([
    field('Soc', 40),
    field('BatteryLevel', 41),
    field('BatteryLevel', 41),
    field('BatteryLevel', null),
  ]);
  expect(all).toMatchObject([
    { kind: 'socChanged', socPercent: 40 },
    { kind: 'socChanged', socPercent: 41 },
    { kind: 'socChanged', socPercent: 40 },
  ]);
});

test.each([
  ['BatteryLevel', [field('BatteryLevel', 41), field('BatteryLevel', null)]],
  ['both', [field('Soc', 40), field('BatteryLevel', 41), field('BatteryLevel', null), field('Soc', null)]],
])('a SoC that is invalid now keeps its last value: %s', (_, inputs) => {
  expect(socPercentOf(run(inputs).state)).toBe(inputs.length === 2 ? 41 : 40);
});

describe('whatever comes', () => {
  const anyField = fc.oneof(
    fc.constantFrom(...ARRIVAL, ...DEPARTURE),
    fc.constantFrom(field('DetailedChargeState', null), field('ChargePortLatch', 'SNA'), field('Gear', 'Unknown')),
  );
  const anyInput: fc.Arbitrary<FusionInput> = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(anyField, fc.boolean()).map(([input, retained]) => ({ ...input, retained })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom('CONNECTED' as const, 'DISCONNECTED' as const),
          fc.constantFrom('a', 'b', 'c'),
          fc.boolean(),
        )
        .map(([status, id, retained]) => connectivity(status, id, retained)),
    },
    { weight: 1, arbitrary: fc.constant(TICK) },
  );
  const sequence = fc.array(fc.tuple(anyInput, fc.integer({ min: 0, max: 900 })), { maxLength: 60 });

  test('events alternate, a repeated message is no news, and no stay starts without two live signs', () => {
    fc.assert(
      fc.property(sequence, (steps) => {
        let state = initialState(START_MS);
        let atMs = START_MS;
        let plugged = false;
        let online = false;
        for (const [input, gapSeconds] of steps) {
          atMs += gapSeconds * SECOND_MS;
          const fused = fuse(state, input, atMs);
          for (const event of fused.events) {
            if (event.kind === 'pluggedIn') {
              expect(plugged).toBe(false);
              expect(event.signs.length).toBeGreaterThanOrEqual(2);
              for (const { reading } of event.signs) {
                expect(reading.live && atMs - reading.atMs <= FUSION_RULES.freshMs).toBe(true);
              }
            }
            if (event.kind === 'unplugged') expect(plugged).toBe(true);
            if (event.kind === 'pluggedIn' || event.kind === 'unplugged') plugged = event.kind === 'pluggedIn';
            if (event.kind === 'online' || event.kind === 'offline') {
              expect(online).toBe(event.kind === 'offline');
              online = event.kind === 'online';
            }
          }
          ({ state } = fused);
          expect(state.plug !== 'away').toBe(plugged);
          expect(state.online).toBe(online);
          const again = fuse(state, input, atMs);
          expect(again.events).toEqual([]);
          expect(again.state).toEqual(state);
          expect(restoreState(JSON.parse(JSON.stringify(state)), state.contactAtMs)).toEqual(state);
          if (state.plug === 'plugged')
            expect(plugSigns(state).filter(({ says }) => says === 'unplugged').length).toBeLessThan(3);
        }
      }),
      { numRuns: 500 },
    );
  });
});
