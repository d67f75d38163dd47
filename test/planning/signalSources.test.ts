import { expect, test } from 'vitest';

import { planningRegion } from '../../planning/gridProblem.ts';
import type { SignalSpan } from '../../store/signals.ts';
import { cellState, HOUR_MS, span, START_MS } from './cellFixture.ts';

const REGION = { id: 'berlin', cellId: 'cell', timeZone: 'Europe/Berlin', feeds: [] };
const KNOWN = [span('temperature', 5), span('house_load', 4, { feederId: 'street' })];
const planned = (...signals: SignalSpan[]) => {
  const region = planningRegion(cellState({ signals: [...KNOWN, ...signals] }), REGION);
  const fallbacks = region.fallbacks ?? [];
  return { ...region, fallbacks, text: fallbacks.map(({ text }) => text) };
};

test('the better source counts where it speaks, the other one fills the rest', () => {
  const { priceEurPerKwh } = planned(
    span('price', 0.1, { source: 'z', priority: 200 }),
    span('price', 0.3, { source: 'a', priority: 10, endMs: START_MS + HOUR_MS }),
    span('carbon', 300),
  );
  expect(priceEurPerKwh.slice(3, 5)).toEqual([0.3, 0.1]);
});

test('of equals the one that was read last counts', () => {
  const older = span('price', 0.1, { source: 'z', fetchedAtMs: START_MS - HOUR_MS });
  expect(planned(older, span('price', 0.3, { source: 'a' }), span('carbon', 1)).priceEurPerKwh[0]).toBe(0.3);
});

test('a fresh source stands in for a better one that is stale; what was pushed does not grow stale', () => {
  const silent = { priority: 1, fetchedAtMs: START_MS - 3 * HOUR_MS };
  const carbon = span('carbon', 1);
  const standIn = planned(span('price', 0.1, { source: 'entsoe', ...silent }), span('price', 0.3), carbon);
  expect([standIn.priceEurPerKwh[0], standIn.text]).toEqual([0.3, []]);
  const pushed = planned(span('price', 0.1, { source: 'push/utility', ...silent }), span('price', 0.3), carbon);
  expect([pushed.priceEurPerKwh[0], pushed.text]).toEqual([0.1, []]);
});

test('a stale source that nothing replaces is used, and the plan says so with its age', () => {
  const { text, fallbacks } = planned(
    span('price', 0.1, { source: 'entsoe', fetchedAtMs: START_MS - 3 * HOUR_MS }),
    span('carbon', 300),
  );
  expect(text).toEqual(['The price of berlin rests on entsoe, which was last read 3.0 h ago.']);
  expect(fallbacks[0]).toMatchObject({ code: 'signal_fallback', value: 3, limit: 2, unit: 'h' });
});

test('marginal and average carbon are never mixed: one kind for the whole cell', () => {
  const half = { endMs: START_MS + 2 * HOUR_MS };
  const both = planned(span('price', 1), span('carbon', 300, half), span('marginal_carbon', 800));
  expect(new Set(both.carbonGPerKwh)).toEqual(new Set([300]));
  expect(both.text[0]).toContain('carbon intensity of berlin is unknown in 8 of 16 slots');
  const elsewhere = planned(span('price', 1), span('marginal_carbon', 800), span('carbon', 250, { regionId: 'oslo' }));
  expect(new Set(elsewhere.carbonGPerKwh)).toEqual(new Set([250]));
  const marginal = planned(span('price', 1), span('marginal_carbon', 800));
  expect(new Set(marginal.carbonGPerKwh)).toEqual(new Set([800]));
});
