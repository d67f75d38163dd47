import { beforeAll, expect, test } from 'vitest';

import { createPlanActivities } from '../../../activities/plan/planActivities.ts';
import { HOUR_MS, MINUTE_MS } from '../../../domain/durations.ts';
import { modelKey, modelOrderSchema } from '../../../domain/modelOrders.ts';
import { topics } from '../../../domain/names.ts';
import { planCell } from '../../../scheduler/planCell.ts';
import { listOpenModelOrders, readModelsOnCars, saveFetchedModel } from '../../../store/modelOrders.ts';
import { openParkingSession } from '../../../store/parkingSessions.ts';
import { upsertJobProgress } from '../../../store/jobProgress.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { upsertSignals } from '../../../store/signals.ts';
import { upsertVehicleStates } from '../../../store/vehicleStates.ts';
import { storeBatch, storeModel } from '../../support/batchFixture.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const SLOT_MS = Date.UTC(2027, 0, 5, 20);
const MODEL = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64) };

const sent = new Map<string, unknown>();
const plans = createPlanActivities({
  database,
  vehicles: { publish: async (topic, payload) => void sent.set(topic, payload), withdraw: async () => {} },
  tellSession: async () => {},
  plan: async (problem) => planCell(problem),
  weights: { carbonEurPerKg: 0, missingEurPerKwh: 0.6 },
  gridNowMs: () => SLOT_MS - MINUTE_MS,
  carAccess: { url: 'http://127.0.0.1', signer: sliceSignerWith('nobody asks for what is signed') },
  now: Date.now,
});

beforeAll(async () => {
  await enrolFleet(database, ['one', 'two']);
  await storeModel(database, 10 * MINUTE_MS);
  await storeBatch(database, 'batch_1', SLOT_MS + 8 * HOUR_MS);
  await upsertJobProgress(database, {
    jobId: 'batch_1',
    cellId: CELL.id,
    model: MODEL,
    shards: 4,
    pending: 4,
    inFlight: 0,
    done: 0,
    linesPerShard: 1,
    unitsPerLine: 1,
    paused: false,
    finished: false,
  });
  for (const vehicleId of ['one', 'two'])
    await openParkingSession(database, {
      vehicleId,
      pluggedInAtMs: SLOT_MS - HOUR_MS,
      readyByMs: SLOT_MS + 10 * HOUR_MS,
      targetSocPercent: 80,
      arrivalSocPercent: 80,
    });
  await upsertSignals(database, [
    {
      regionId: 'oslo',
      feederId: 'oslo-1',
      kind: 'house_load',
      source: 'test',
      startMs: SLOT_MS,
      endMs: SLOT_MS + 24 * HOUR_MS,
      value: 2,
      unit: 'kW',
      forecast: true,
      fetchedAtMs: SLOT_MS,
    },
  ]);
  await upsertVehicleStates(
    database,
    ['one', 'two'].map((vehicleId) => ({
      vehicleId,
      fused: {},
      pluggedIn: true,
      online: true,
      socPercent: 80,
      updatedAtMs: SLOT_MS,
    })),
  );
});

test('a plan has the cars that it has compute fetch the model before that, and those that have it do not', async () => {
  const asked = { cellId: CELL.id, slotStartMs: SLOT_MS, cause: 'test' };
  const { planId } = await plans.planCell(asked);
  const orders = await listOpenModelOrders(database, SLOT_MS - MINUTE_MS);
  expect(orders.length).toBeGreaterThan(0);
  for (const order of orders)
    expect(order).toMatchObject({ name: 'm', version: '1', reason: 'planned work of batch_1' });
  await plans.publishSetpoints({ planId });
  const [first] = orders;
  const told = modelOrderSchema.parse(sent.get(topics.models(first?.vehicleId ?? '')));
  expect(told).toMatchObject({ families: [], models: [{ model: { name: 'm' }, fromMs: first?.fromMs }] });

  for (const vehicleId of ['one', 'two'])
    await saveFetchedModel(database, { vehicleId, ...MODEL, bytes: 3e6, seconds: 2, atMs: SLOT_MS });
  await plans.planCell(asked);
  expect(await listOpenModelOrders(database, SLOT_MS - MINUTE_MS)).toEqual([]);
  const known = await readModelsOnCars(database, CELL.id);
  expect(known.holders.get(modelKey(MODEL))).toEqual(new Set(['one', 'two']));
  expect(known.bytesPerGridSecond).toBe(1.5e6);
});
