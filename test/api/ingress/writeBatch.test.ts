import { MINUTE_MS } from '../../../domain/durations.ts';
import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import { initialState } from '../../../api/ingress/fusedState.ts';
import { WriteBatch } from '../../../api/ingress/writeBatch.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { readJournal } from '../../../store/journal.ts';
import { listMeterIntervals } from '../../../store/meters.ts';
import { readVehicleState } from '../../../store/vehicleStates.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const AT_MS = Date.UTC(2026, 0, 14, 20);
const errors: string[] = [];
const logger = pino({ level: 'error' }, { write: (line) => void errors.push(line) });

beforeAll(() => enrolFleet(database, ['honest', 'poison', 'late']));

const state = (connectionId: string) => ({ ...initialState(AT_MS), connectionIds: [connectionId] });
const told = (subject: string) => ({
  atMs: AT_MS,
  kind: 'fallback' as const,
  subject,
  message: 'm',
  dedupeKey: subject,
});

test('a car that says what cannot be stored is given up alone; the others are stored', async () => {
  const batch = new WriteBatch(database, CELL, logger);
  batch.addState('poison', state('a\0b'), AT_MS);
  batch.addState('honest', state('a'), AT_MS);
  batch.addLine(told('honest'));
  batch.addReading({ vehicleId: 'poison', atMs: AT_MS, chargingKwh: Number.NaN, computeKwh: 0 });
  for (const [minute, chargingKwh] of [
    [0, 1],
    [5, 2],
  ] as const) {
    batch.addReading({ vehicleId: 'honest', atMs: AT_MS + minute * MINUTE_MS, chargingKwh, computeKwh: 0 });
  }
  await batch.write();
  expect(await readVehicleState(database, 'honest')).toMatchObject({ fused: { connectionIds: ['a'] } });
  expect(await readVehicleState(database, 'poison')).toBeUndefined();
  expect((await readJournal(database, CELL.id, 0, 10)).map(({ subject }) => subject)).toEqual(['honest']);
  const metered = await listMeterIntervals(database, CELL.id, { startMs: AT_MS, endMs: AT_MS + 15 * MINUTE_MS });
  expect(metered).toMatchObject([{ vehicleId: 'honest', chargingKwh: 1 }]);
  expect(errors.some((line) => line.includes('"vehicleId":"poison"'))).toBe(true);
  // What was given up does not come back with the next write.
  const before = errors.length;
  await batch.write();
  expect(errors).toHaveLength(before);
});

test('gives nothing up while PostgreSQL is away', async () => {
  let isAway = true;
  const away: typeof database = {
    ...database,
    transaction: (work) => {
      if (isAway) throw new NightshiftError('unavailable', 'PostgreSQL does not answer.');
      return database.transaction(work);
    },
  };
  const batch = new WriteBatch(away, CELL, logger);
  batch.addState('late', state('a'), AT_MS);
  await expect(batch.write()).rejects.toMatchObject({ code: 'unavailable' });
  isAway = false;
  await batch.write();
  expect(await readVehicleState(database, 'late')).toBeDefined();
});
