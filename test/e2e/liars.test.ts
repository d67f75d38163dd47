import { afterAll, beforeAll, expect, test } from 'vitest';

import { carTrustSchema } from '../../api/wire/trust.ts';
import { checkLedger } from '../../store/ledgerChecks.ts';
import { listCarLines } from '../../store/ledger.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight } from './support/calmNight.ts';
import { expectUndisturbed } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 60;
const LIMIT_MS = 90_000;

let stack: Stack;
let undisturbed: string;
let liar = '';

beforeAll(async () => {
  const night = calmNight({ honest: [{}, {}], mixed: [{ answers: 'invented' }, {}] });
  liar = night.cars.find(({ answers }) => answers === 'invented')?.vin ?? '';
  stack = await Stack.start(night);
  undisturbed = await stack.finished(await stack.submit(REQUESTS, 'honest'));
}, 240_000);
afterAll(() => stack?.remove(), 60_000);

test(
  'a car that invents its answers is quarantined and not paid, and the submitter gets what the model says',
  { timeout: 240_000 },
  async () => {
    await expectUndisturbed(stack, await stack.submit(REQUESTS, 'mixed'), REQUESTS, undisturbed);
    const trust = carTrustSchema.parse(await (await stack.api()).json('GET', `/fleet/v1/vehicles/${liar}/trust`));
    expect(trust).toMatchObject({ standing: 'quarantine', quarantines: [{ endedAtMs: null }] });
    expect(await stack.command('car', 'why', liar)).toContain('It is in quarantine');
    // Two lines of a first shard may not be proof enough: what they were paid is taken back with the quarantine.
    await eventually('it is paid nothing', LIMIT_MS, async () => {
      const lines = await listCarLines(stack.database, liar, { startMs: 0, endMs: 4e12 });
      const work = lines.filter(({ kind }) => kind !== 'availability');
      return work.reduce((sum, { amountMicros }) => sum + amountMicros, 0) === 0 || undefined;
    });
    // Honest cars were checked too, and none of them is blamed.
    const [others] = await stack.database.query<{ checked: number; differing: number }>(
      'select sum(checked) as checked, sum(differing) as differing from share_checks where vehicle_id <> $1',
      [liar],
    );
    expect(others?.checked).toBeGreaterThan(0);
    expect(others?.differing).toBe(0);
    await eventually('the ledger holds', LIMIT_MS, async () => {
      const { faults } = await checkLedger(stack.database);
      return faults.length === 0 || undefined;
    });
  },
);

test('a quorum of two cars answers what one does, and both are paid', { timeout: 240_000 }, async () => {
  const batchId = await stack.submit(REQUESTS, 'honest', { 'grid.quorum': '2' });
  await expectUndisturbed(stack, batchId, REQUESTS, undisturbed);
  const paid = await stack.database.query<{ kind: string; bookings: number }>(
    'select kind, count(*)::int as bookings from ledger_bookings where batch_id = $1 group by kind order by kind',
    [batchId],
  );
  const of = (kind: string): number => paid.find((each) => each.kind === kind)?.bookings ?? 0;
  expect(of('quorum')).toBeGreaterThan(0);
  expect(of('quorum')).toBeGreaterThanOrEqual(of('compute') / 2);
  const { faults } = await checkLedger(stack.database);
  expect(faults).toEqual([]);
});
