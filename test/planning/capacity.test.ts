import { describe, expect, test } from 'vitest';
import { nextMorningMs } from '../../domain/morning.ts';
import { energyUntilKwh, fleetCapacity } from '../../planning/capacity.ts';
import { capacityDetails } from '../../planning/capacityDetails.ts';
import { computeCapKw } from '../../scheduler/energy/compute.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { cellState, HOUR_MS, problemOf, span, START_MS, VEHICLE } from './cellFixture.ts';

const AI4_KW = computeCapKw(0.16, 5);

function capacityOf(over: Parameters<typeof cellState>[0] = {}) {
  const problem = problemOf(cellState(over), 0);
  const [capacity] = fleetCapacity(problem, planCell(problem));
  return { problem, capacity };
}

describe('what the fleet can do', () => {
  test('stands in the cell’s details, by region and class, until the region’s morning', () => {
    const state = cellState();
    const problem = problemOf(state, 0);
    const plan = planCell(problem);
    const [capacity] = fleetCapacity(problem, plan);
    const [zone] = state.regions;
    const kwh = capacity && energyUntilKwh(capacity, problem, nextMorningMs(START_MS, zone?.timeZone ?? ''));
    const lines = capacityDetails(state.regions, problem, plan).split('\n');
    const kw = capacity?.curve[0]?.kw ?? 0;
    expect(lines[0]).toBe(
      `The fleet can compute with ${kw.toFixed(1)} kW now and ${kwh?.toFixed(1)} kWh until the morning.`,
    );
    // The fixture's plan is of four hours.
    expect(lines.at(-1)).toMatch(
      new RegExp(`^\\| berlin \\| ai4 \\| 1 of 1 \\| ${kw.toFixed(2)} \\| [ ▁-█]{4} \\| ${kwh?.toFixed(1)} \\|$`),
    );
    expect(capacityDetails([], { ...problem, cars: [] }, plan)).toBe(
      'The fleet can compute with 0.0 kW now and 0.0 kWh until the morning.',
    );
  });

  test('is what its computers draw at the plug, falling with the chance that cars have left', () => {
    const { capacity, problem } = capacityOf();
    expect(capacity).toMatchObject({ regionId: 'berlin', hardwareClass: 'ai4', cars: 1, awake: 1 });
    const curve = capacity?.curve.map(({ kw }) => kw) ?? [];
    expect(curve[0]).toBeCloseTo(AI4_KW);
    expect(curve[8]).toBeLessThan(AI4_KW);
    expect(curve.every((kw, slot) => kw <= (curve[slot - 1] ?? Infinity) + 1e-9)).toBe(true);
    const hourKwh = capacity && energyUntilKwh(capacity, problem, START_MS + HOUR_MS);
    expect(hourKwh).toBeCloseTo(curve.slice(0, 4).reduce((sum, kw) => sum + kw / 4, 0));
  });

  test('leaves out owners who do not want it, hours that they keep, and heat', () => {
    const policy = { ...VEHICLE.policy, computeOptIn: false };
    expect(capacityOf({ vehicles: [{ ...VEHICLE, policy }] }).capacity).toBeUndefined();
    const tonight = { ...VEHICLE.policy, optOutUntilMs: START_MS + HOUR_MS };
    const kws = capacityOf({ vehicles: [{ ...VEHICLE, policy: tonight }] }).capacity?.curve.map(({ kw }) => kw);
    expect(kws?.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(kws?.[4]).toBeGreaterThan(0);
    const hot = cellState().signals.map((each) => (each.kind === 'temperature' ? { ...each, value: 41 } : each));
    expect(capacityOf({ signals: hot }).capacity?.curve[0]?.kw).toBe(0);
  });

  test('is never more than houses and charging leave of the feeder', () => {
    const signals = [
      ...cellState().signals.filter(({ kind }) => kind !== 'import_limit'),
      span('import_limit', 4.1, { feederId: 'street' }),
    ];
    const { capacity, problem } = capacityOf({ signals });
    const charging = planCell(problem).cars[0]?.chargeKw[0] ?? 0;
    expect(capacity?.curve[0]?.kw).toBeCloseTo(Math.max(0, 0.1 - charging));
  });
});
