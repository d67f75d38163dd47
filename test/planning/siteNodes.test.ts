import { describe, expect, test } from 'vitest';
import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { cellState, VEHICLE, problemOf } from './cellFixture.ts';

const NODE: Vehicle = {
  ...VEHICLE,
  id: 'NODE1',
  kind: 'site_node',
  hardwareClass: 'jetson',
  batteryKwh: 0,
  charger: { maxKw: 0, minKw: 0, efficiency: 1 },
};
const base = cellState();
const START_MS = base.axis.startMs;

/** A node and a job for it, on a feeder with this much for cars and nodes. */
function nodeState(over: { readonly online: boolean; readonly spareKw?: number }) {
  return cellState({
    hardwareClasses: [
      ...base.hardwareClasses,
      {
        id: 'jetson',
        chipKw: 0.025,
        awakeKw: 0,
        cooling: 'included',
        providers: ['cpu'],
        probeGflops: null,
        memoryMb: null,
        source: 'test',
        assumed: false,
      },
    ],
    signals: base.signals.map((span) =>
      span.kind === 'import_limit' ? { ...span, value: 4 + (over.spareKw ?? 1) } : span,
    ),
    vehicles: [NODE],
    vehicleStates: [
      {
        vehicleId: NODE.id,
        fused: {},
        pluggedIn: over.online,
        online: over.online,
        socPercent: null,
        updatedAtMs: START_MS,
      },
    ],
    openSessions: [
      {
        vehicleId: NODE.id,
        stay: 1,
        pluggedInAtMs: START_MS - 1,
        readyByMs: START_MS + 1,
        targetSocPercent: 100,
        arrivalSocPercent: null,
        readyBySocPercent: null,
        unpluggedAtMs: null,
        settled: null,
      },
    ],
    jobs: [
      {
        cellId: 'cell',
        jobId: 'job',
        finished: false,
        model: { name: 'ocr', version: '1', family: 'general', sha256: '0'.repeat(64) },
        shards: 100,
        pending: 100,
        inFlight: 0,
        shardsHere: 100,
        done: 0,
        linesPerShard: 1,
        unitsPerLine: 1,
        deadlineMs: START_MS + 12 * 3_600_000,
        submittedAtMs: START_MS,
        metadata: null,
        paused: false,
      },
    ],
    classSpeeds: [
      {
        modelName: 'ocr',
        modelVersion: '1',
        hardwareClass: 'jetson',
        statedMsPerUnit: 255_000,
        measuredMsPerUnit: [],
        deviceMsPerUnit: 255_000,
      },
    ],
  });
}

describe('a site node', () => {
  test('computes at the power of its computer alone, whatever its ready-by says, and the plan proves correct', () => {
    const problem = problemOf(nodeState({ online: true }), 0);
    const plan = planCell(problem);
    expect(checkPlan(problem, plan).findings).toEqual([]);
    const [node] = plan.cars;
    expect(node?.computeKw.filter((kw) => kw > 0).length).toBeGreaterThan(0);
    expect(Math.max(...(node?.computeKw ?? []))).toBeCloseTo(0.025, 6);
    expect(node?.chargeKw.every((kw) => kw === 0)).toBe(true);
    expect(plan.grants.every(({ hardwareClass }) => hardwareClass === 'jetson')).toBe(true);
    expect(plan.unmet.filter(({ kind }) => kind !== 'job_deadline')).toEqual([]);
  });

  test('is under the same feeder limit as the cars beside it', () => {
    const plan = planCell(problemOf(nodeState({ online: true, spareKw: 0.01 }), 0));
    expect(plan.cars[0]?.computeKw.every((kw) => kw === 0)).toBe(true);
  });

  test('is planned without while nobody hears of it', () => {
    expect(problemOf(nodeState({ online: false }), 0).cars).toEqual([]);
  });
});
