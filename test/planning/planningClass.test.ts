import { describe, expect, test } from 'vitest';

import { dispatchOf } from '../../planning/planDispatch.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { hardwareClassOf } from '../../planning/planningClass.ts';
import { cellState, problemOf } from './cellFixture.ts';

const FAMILY = 'ocr~1';
const base = cellState();
const [vehicle] = base.vehicles;
const [state] = base.vehicleStates;
const [stay] = base.openSessions;
const [job] = base.jobs;
if (!vehicle || !state || !stay || !job) throw new Error('the fixture has none');

/** Two cars, the second of which takes part in a roll-out, and a job of each family. */
const withCanary = cellState({
  vehicles: [vehicle, { ...vehicle, id: 'CANARY' }],
  vehicleStates: [state, { ...state, vehicleId: 'CANARY' }],
  openSessions: [stay, { ...stay, vehicleId: 'CANARY' }],
  rolloutFamilies: new Map([['CANARY', [{ family: FAMILY, base: 'ocr' }]]]),
  jobs: [job, { ...job, jobId: 'batch_next', model: { ...job.model, family: FAMILY } }],
});

describe('a roll-out in the plan', () => {
  test('makes its cars a class of their own, which takes the work of others too', () => {
    const problem = problemOf(withCanary);
    const canary = `${vehicle.hardwareClass}+${FAMILY}`;
    expect(problem.cars.map(({ id, hardwareClass }) => [id, hardwareClass])).toEqual([
      ['CAR1', vehicle.hardwareClass],
      ['CANARY', canary],
    ]);
    const classesOf = (id: string) =>
      problem.jobs.find((each) => each.id === id)?.classes.map((each) => each.hardwareClass);
    expect(classesOf('batch_1')).toEqual(expect.arrayContaining([vehicle.hardwareClass, canary]));
    expect(classesOf('batch_next')).toEqual([canary]);
    expect(hardwareClassOf(canary)).toBe(vehicle.hardwareClass);
  });

  test('grants its shards to the queues of the hardware class, each job once a queue', () => {
    const problem = problemOf(withCanary);
    const { grants } = dispatchOf('plan', problem, planCell(problem), withCanary.regions);
    const queues = grants.map(({ jobId, regionId, hardwareClass }) => `${jobId}/${regionId}/${hardwareClass}`);
    expect(new Set(queues).size).toBe(queues.length);
    for (const { hardwareClass } of grants) expect(hardwareClass).toBe(vehicle.hardwareClass);
  });

  test('that has no car here has none of its shards here', () => {
    const none = cellState({ jobs: [{ ...job, model: { ...job.model, family: FAMILY } }] });
    expect(problemOf(none).jobs).toEqual([]);
  });
});
