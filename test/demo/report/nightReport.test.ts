import { describe, expect, test } from 'vitest';
import { exitCode, nightReport } from '../../../demo/report/nightReport.ts';
import { hourly, HOUR_MS, nightFacts, OWNER, START_MS, VEHICLE } from './facts.ts';

test('the JSON has the figures under their names', () => {
  const facts = nightFacts({ vehicles: [{ ...VEHICLE, meter: hourly([0, 0, 0, 10], [0, 0, 1, 0]) }] });
  expect(nightReport(facts)).toEqual({
    requests: { total: 10, completed: 8, failed: 1, expired: 1 },
    characterErrorRate: 0.002,
    wordsFound: null,
    tokens: null,
    energyKwh: { compute: 1, charging: 10 },
    cost: { planned: 1.2, runNow: 4.4 },
    gramsCo2: { planned: 1200, runNow: 4400 },
    runNowMethod: expect.stringContaining('order of arrival'),
    handovers: 2,
    redoneRequests: 3,
    owners: [{ vehicle: 'car-1', readyBySoc: 80, targetSoc: 80, credit: 1.2345, missedByUs: false }],
    // Half cents are rounded away from zero; what is left of the cents is the margin.
    money: { submitters: 2, owners: 0.63, energy: 0.6, checking: 0.01, margin: 0.76 },
  });
});

test('nothing answered, nothing measured', () => {
  const report = nightReport(
    nightFacts({ answers: { tokens: undefined }, owners: [{ ...OWNER, readyBySocPercent: undefined }] }),
  );
  expect(report.characterErrorRate).toBeNull();
  expect(report.owners[0]).toMatchObject({ readyBySoc: null, missedByUs: true });
});

describe('a ready-by is missed by us', () => {
  test.each([
    ['at the target', {}, false],
    ['within the resolution of the SoC', { readyBySocPercent: 79.5 }, false],
    ['below it', { readyBySocPercent: 79.4 }, true],
    ['below it, but the owner left before', { readyBySocPercent: 60, unpluggedAtMs: OWNER.readyByMs - 1 }, false],
    ['below it, and the owner left at the time', { readyBySocPercent: 60, unpluggedAtMs: OWNER.readyByMs }, true],
    ['below it, but no charger could have done it', { readyBySocPercent: 60, arrivalSocPercent: 0 }, false],
    ['below it, but the car came too late', { readyBySocPercent: 60, pluggedInAtMs: START_MS + 3 * HOUR_MS }, false],
    ['never measured', { readyBySocPercent: undefined }, true],
  ])('%s', (_, change, missed) => {
    const report = nightReport(nightFacts({ owners: [{ ...OWNER, ...change }] }));
    expect(report.owners[0]?.missedByUs).toBe(missed);
    expect(exitCode(report)).toBe(missed ? 1 : 0);
  });
});

test('a battery that was too cold for too long was not failed by us, one that had hours enough was', () => {
  const charger = { ...OWNER.charger, chargeFromCelsius: 0 };
  const missed = (celsius: readonly number[]) => {
    const [region] = nightFacts().regions;
    const slots = (region?.slots ?? []).map((slot, hour) => ({ ...slot, ambientC: celsius[hour] ?? 0 }));
    const owners = [{ ...OWNER, charger, readyBySocPercent: 60 }];
    return nightReport(nightFacts({ owners, regions: [{ id: 'region-1', slots }] })).owners[0]?.missedByUs;
  };
  // From 40 to 80 % of 50 kWh through 9.5 kW at 0 °C and 0.9: 2.3 h.
  expect(missed([1, -1, -1, -1])).toBe(false);
  expect(missed([1, 1, -1, -1])).toBe(false);
  expect(missed([1, -1, 1, 1])).toBe(true);
});

test('a request that nobody accounts for fails the night', () => {
  const facts = nightFacts({ requests: { total: 10, completed: 8, failed: 1, expired: 0 } });
  expect(exitCode(nightReport(facts))).toBe(1);
});
