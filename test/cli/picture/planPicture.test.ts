import { describe, expect, test } from 'vitest';

import { planCell } from '../../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../../scheduler/problem.ts';
import { randomProblem } from '../../../scheduler/randomProblem.ts';
import { feederLoads, totalLoad } from '../../../cli/picture/loads.ts';
import { drawPlan } from '../../../cli/picture/planPicture.ts';
import { scale, tickText } from '../../../cli/picture/scale.ts';

const night = (feeders: number) =>
  planningProblemSchema.parse(randomProblem({ cars: 3 * feeders, slots: 64, feeders, jobs: 1, seed: 2 }));

describe('drawPlan', () => {
  test.each([1, 4, 50])('draws a plan of %i feeders without a hole in its numbers', (feeders) => {
    const problem = night(feeders);
    const svg = drawPlan(problem, planCell(problem), 'Europe/Oslo');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg).toContain('>Tue 13 Jan<');
    expect(svg.includes('the 40 fullest of 50 feeders')).toBe(feeders === 50);
  });

  test('escapes names', () => {
    const problem = night(2);
    const renamed = { ...problem, regions: problem.regions.map((region) => ({ ...region, id: `<${region.id}&` })) };
    expect(drawPlan(renamed, planCell(problem), 'UTC')).toContain('&lt;north&amp;');
  });
});

describe('loads', () => {
  test('add up to the energy of the plan', () => {
    const problem = night(4);
    const plan = planCell(problem);
    const total = totalLoad(feederLoads(problem, plan), problem.slots.count);
    const chargeKwh = total.chargeKw.reduce((sum, kw) => sum + kw * 0.25, 0);
    const setpointKwh = plan.cars.flatMap((car) => car.chargeKw).reduce((sum, kw) => sum + kw * 0.25, 0);
    expect(chargeKwh).toBeCloseTo(setpointKwh, 6);
    // The figure is an expectation: cars may leave before they are charged.
    expect(plan.figures.chargeKwh).toBeLessThan(chargeKwh);
  });
});

describe('scale', () => {
  test('has round ticks inside its range', () => {
    expect(scale(-0.3, 1.13, 100, 0, 4).ticks).toEqual([0, 0.5, 1]);
    expect(scale(5, 5, 100, 0, 4).at(5)).toBe(100);
    expect([0.25, 1234, 45_600, 7_000_000].map(tickText)).toEqual(['0.25', '1234', '45.6k', '7M']);
  });
});
