import { expect, test } from 'vitest';

import { parseGridHints } from '../../domain/gridHints.ts';

test('reads every hint, and leaves the submitter their own keys', () => {
  expect(parseGridHints(null)).toEqual({});
  expect(
    parseGridHints({
      project: 'glosses',
      'grid.deadline': '2026-01-11T07:30:00+01:00',
      'grid.max_price': '0.12',
      'grid.max_gco2': '250',
      'grid.priority': '2',
      'grid.region': 'oslo,austin',
      'grid.idempotency_key': 'k',
    }),
  ).toEqual({
    deadlineMs: Date.UTC(2026, 0, 11, 6, 30),
    maxEurPerKwh: 0.12,
    maxGCo2PerKwh: 250,
    priority: 2,
    regionIds: ['oslo', 'austin'],
  });
});

test.each([
  ['grid.deadline', '2026-01-11', /RFC 3339/],
  ['grid.deadline', '2026-01-11T07:30:00', /RFC 3339/],
  ['grid.max_price', '-1', /decimal number/],
  ['grid.max_price', '1e3', /decimal number/],
  ['grid.priority', '6', /1 \(first\) to 5/],
  ['grid.quorum', '6', /1 to 5 cars/],
  ['grid.region', 'a,,b', /region ids/],
  ['grid.max_prize', '1', /is not one of grid\.deadline, grid\.max_price/],
])('refuses %s = %j and names what it must be', (key, value, message) => {
  expect(() => parseGridHints({ [key]: value })).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      field: `metadata.${key}`,
      message: expect.stringMatching(message),
    }),
  );
});
