import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PowerGate } from '../../../car/shard/powerGate.ts';
import type { Clock } from '../../../domain/clock.ts';
import type { ShedOrder } from '../../../domain/sheds.ts';
import { watchSheds } from '../../../car/agent/shedWatch.ts';

/** Ten times real time. */
const CLOCK: Clock = { originMs: 0, anchorMs: 0, scale: 10 };

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

function watched() {
  const gate = new PowerGate();
  const watch = watchSheds(gate, CLOCK, pino({ level: 'silent' }));
  const told = (order: Partial<ShedOrder>): void =>
    watch.receive(JSON.stringify({ issuedAtMs: 0, startMs: 0, endMs: 1_000, resumeAtMs: 1_000, ...order }));
  return { gate, watch, told };
}

test('closes the gate in the tick of the order, and opens it at the car’s own turn by its own clock', () => {
  const { gate, told } = watched();
  told({ resumeAtMs: 3_000 });
  expect(gate.reasons).toEqual(['grid_emergency']);
  vi.advanceTimersByTime(299);
  expect(gate.isOpen).toBe(false);
  vi.advanceTimersByTime(1);
  expect(gate.isOpen).toBe(true);
});

test('an order that begins later closes the gate then', () => {
  const { gate, told } = watched();
  told({ startMs: 500 });
  expect(gate.isOpen).toBe(true);
  vi.advanceTimersByTime(50);
  expect(gate.reasons).toEqual(['grid_emergency']);
});

test('a newer order ends or prolongs the shed; an older one, as a retained message can be, changes nothing', () => {
  const { gate, told } = watched();
  told({ issuedAtMs: 10, endMs: 5_000, resumeAtMs: 5_000 });
  told({ issuedAtMs: 5, endMs: 1, resumeAtMs: 1 });
  vi.advanceTimersByTime(100);
  expect(gate.isOpen).toBe(false);
  told({ issuedAtMs: 20, endMs: 1_000, resumeAtMs: 2_000 });
  vi.advanceTimersByTime(100);
  expect(gate.isOpen).toBe(true);
});

test('an order of a past emergency, one that cannot be read and a withdrawal leave the gate open', () => {
  vi.setSystemTime(1_000);
  const { gate, watch, told } = watched();
  told({});
  watch.receive('{"startMs":"now"}');
  watch.receive('not json');
  expect(gate.isOpen).toBe(true);
  told({ issuedAtMs: 1, endMs: 1e6, resumeAtMs: 1e6 });
  watch.receive('');
  expect(gate.isOpen).toBe(true);
});

test('leaves other reasons alone', () => {
  const { gate, watch, told } = watched();
  gate.close('unplugged');
  told({});
  watch.close();
  expect(gate.reasons).toEqual(['unplugged']);
});
