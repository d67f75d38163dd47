import { beforeAll, expect, test } from 'vitest';
import { carReason, type CarReason } from '../../domain/claims.ts';
import { listHeldVehicles, listTransitions, readClaims, updateClaims } from '../../store/vehicleClaims.ts';
import { readVehicle, setOwnerPolicy, seedVehicle } from '../../store/vehicles.ts';
import { CELL, enrolFleet, testVehicle } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
beforeAll(() => enrolFleet(database, ['car', 'other', 'kept']));

const OPTED_OUT = carReason('policy', 'owner_now', 'owner_opted_out');
const PLANNED: CarReason = { source: 'plan', holder: 'plan', code: 'waiting_for_cheaper_slot', text: 'waits' };

test('reasons are a set: a passing hold comes and goes, and the owner’s wish stays', async () => {
  const steps = [
    { atMs: 1_000, source: 'telemetry', reasons: [], condition: { plug: 'plugged', online: true } },
    { atMs: 2_000, source: 'plan', reasons: [PLANNED], condition: { chargeKw: 0, computeKw: 0 } },
    { atMs: 3_000, source: 'policy', reasons: [OPTED_OUT] },
    {
      atMs: 4_000,
      source: 'telemetry',
      reasons: [carReason('telemetry', 'safety', 'telemetry_not_trusted', { value: 9, limit: 3 })],
    },
    { atMs: 5_000, source: 'telemetry', reasons: [] },
    // The same reason with another figure is no transition.
    { atMs: 6_000, source: 'plan', reasons: [{ ...PLANNED, value: 4 }] },
    { atMs: 7_000, source: 'telemetry', reasons: [], condition: { plug: 'away' }, endsPlan: true },
    // A plan that was made while it left.
    { atMs: 8_000, source: 'plan', reasons: [PLANNED], condition: { computeKw: 1 } },
  ] as const;
  const lines = [];
  for (const step of steps) lines.push(...(await updateClaims(database, [{ vehicleId: 'car', ...step }])));

  const transitions = (await listTransitions(database, 'car', 20)).toReversed();
  expect(transitions.map(({ atMs, state, heldBy, reasons }) => [atMs, state, heldBy, reasons.length])).toEqual([
    [1_000, 'waiting', 'default', 0],
    [2_000, 'waiting', 'plan', 1],
    [3_000, 'waiting', 'owner_now', 2],
    [4_000, 'waiting', 'safety', 3],
    [5_000, 'waiting', 'owner_now', 2],
    [7_000, 'away', 'owner_now', 1],
  ]);
  // Whoever reads the journal learns who holds the car against the plan, each time that it changes.
  expect(lines.map(({ atMs, message }) => [atMs, message])).toEqual([
    [3_000, 'Car car is held by its owner: The owner does not want it to compute.'],
    [4_000, expect.stringContaining('Car car is held for safety: Its telemetry contradicts itself')],
    [5_000, 'Car car is held by its owner: The owner does not want it to compute.'],
  ]);
  expect(lines[1]?.reasons).toMatchObject([{ code: 'telemetry_not_trusted', value: 9, limit: 3 }]);
  expect(transitions[3]?.reasons[0]).toMatchObject({ code: 'telemetry_not_trusted', value: 9, limit: 3 });
  expect(await readClaims(database, 'car')).toMatchObject({ sinceMs: 7_000, reasons: [{ code: 'owner_opted_out' }] });
});

test('a car is held since its state and its holder are what they are, whatever reasons come and go meanwhile', async () => {
  const other: CarReason = { ...PLANNED, code: 'compute_no_work' };
  for (const [atMs, reasons] of [
    [1_000, [PLANNED]],
    [2_000, [other]],
  ] as const) {
    await updateClaims(database, [
      { vehicleId: 'kept', atMs, source: 'plan', reasons, condition: { plug: 'plugged' } },
    ]);
  }
  expect((await listTransitions(database, 'kept', 20)).map(({ atMs }) => atMs)).toEqual([2_000, 1_000]);
  expect(await readClaims(database, 'kept')).toMatchObject({ sinceMs: 1_000, confirmedAtMs: 2_000 });
});

test('finds the cars that a reason holds, and leaves out what is not enrolled', async () => {
  const reasons = [carReason('telemetry', 'safety', 'telemetry_not_trusted')];
  await updateClaims(database, [
    { vehicleId: 'other', atMs: 1, source: 'telemetry', reasons },
    { vehicleId: 'stranger', atMs: 1, source: 'telemetry', reasons },
  ]);
  expect(await listHeldVehicles(database, CELL.id, ['telemetry_not_trusted', 'work_not_trusted'])).toEqual(
    new Set(['other']),
  );
});

test('applying the cell file again keeps a policy that the owner has set', async () => {
  const enrolled = testVehicle('kept');
  await setOwnerPolicy(database, 'kept', { ...enrolled.policy, targetSocPercent: 95 });
  await seedVehicle(database, { ...enrolled, displayName: 'Renamed' });
  expect(await readVehicle(database, 'kept')).toMatchObject({
    displayName: 'Renamed',
    policy: { targetSocPercent: 95 },
  });
});
