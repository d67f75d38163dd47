import { expect, test } from 'vitest';

import { fuzzTelemetry } from './telemetry.ts';

test.each([1, 2])('hostile telemetry crashes nothing and enables nothing, seed %i', (seed) => {
  const { arrivals, departures } = fuzzTelemetry({ messages: 10_000, seed });
  // The draw is hostile enough to get in at times; else the test would say nothing.
  for (const count of [arrivals, departures]) expect(count).toBeGreaterThan(50);
});
