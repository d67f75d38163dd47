import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PowerGate } from '../../../car/shard/powerGate.ts';
import type { Clock } from '../../../domain/clock.ts';
import type { SetpointProfile } from '../../../domain/setpoints.ts';
import { watchSetpoints } from '../../../car/agent/setpointWatch.ts';

/** A night at 240 times its speed: a slot of 15 minutes passes in 3.75 s. */
const CLOCK: Clock = { originMs: 0, anchorMs: 0, scale: 240 };
const SLOT_MS = 15 * 60_000;
const SLOT_REAL_MS = SLOT_MS / CLOCK.scale;

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** Slots from grid time 0 on: `#` leaves power to compute, `.` does not. */
function profile(slots: string, issuedAtMs = 0): string {
  const built: SetpointProfile = {
    planId: 'plan',
    issuedAtMs,
    intervals: slots.split('').map((slot, index) => ({
      startMs: index * SLOT_MS,
      endMs: (index + 1) * SLOT_MS,
      chargeKw: 1,
      computeKw: slot === '#' ? 0.5 : 0,
    })),
  };
  return JSON.stringify(built);
}

function watched() {
  const gate = new PowerGate();
  return { gate, watch: watchSetpoints(gate, CLOCK, pino({ level: 'silent' })) };
}

test.each(['#', '.', '.##.#', '##..##', '....#'])(
  '%s opens and closes the gate slot by slot, by the own clock',
  (slots) => {
    const { gate, watch } = watched();
    expect(gate.reasons).toEqual(['slot_over']);
    watch.receive(profile(slots));
    const seen = slots.split('').map(() => {
      vi.advanceTimersByTime(SLOT_REAL_MS / 2);
      const mark = gate.isOpen ? '#' : '.';
      vi.advanceTimersByTime(SLOT_REAL_MS / 2);
      return mark;
    });
    expect(seen.join('')).toBe(slots);
    vi.advanceTimersByTime(SLOT_REAL_MS / 2);
    expect(gate.reasons).toEqual(['slot_over']);
  },
);

test('two slots of compute in a row do not close the gate in between', () => {
  const { gate, watch } = watched();
  const onChange = vi.fn();
  gate.subscribe(onChange);
  watch.receive(profile('###.'));
  vi.advanceTimersByTime(SLOT_REAL_MS * 4);
  expect(onChange).toHaveBeenCalledTimes(2);
});

test.each([
  ['an older profile is ignored', profile('.', -1), true],
  ['a newer one counts', profile('.', 1), false],
  ['an empty message withdraws it', '', false],
  ['what cannot be read is ignored', '{"intervals":1}', true],
  ['what is no JSON is ignored', 'x', true],
])('%s', (_, message, open) => {
  const { gate, watch } = watched();
  watch.receive(profile('#', 0));
  watch.receive(message);
  expect(gate.isOpen).toBe(open);
});

test('the end of a slot does not hide another reason against computing', () => {
  const { gate, watch } = watched();
  watch.receive(profile('#.#'));
  gate.close('too_hot');
  vi.advanceTimersByTime(SLOT_REAL_MS * 2.5);
  expect(gate.reasons).toEqual(['too_hot']);
});

test('a closed watch keeps the gate closed', () => {
  const { gate, watch } = watched();
  watch.receive(profile('##'));
  watch.close();
  vi.advanceTimersByTime(SLOT_REAL_MS * 1.5);
  expect(gate.reasons).toEqual(['slot_over']);
});

test('a profile is answered when it comes and in each of its slots, and not when it is over or withdrawn', () => {
  const onFollowed = vi.fn();
  const watch = watchSetpoints(new PowerGate(), CLOCK, pino({ level: 'silent' }), onFollowed);
  watch.receive(profile('#..'));
  expect(onFollowed).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(SLOT_REAL_MS * 2.5);
  expect(onFollowed).toHaveBeenCalledTimes(3);
  vi.advanceTimersByTime(SLOT_REAL_MS * 4);
  watch.receive('');
  expect(onFollowed).toHaveBeenCalledTimes(3);
});
