import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { renderMetricDocs } from '../../build/metricDocs.ts';

test('docs/metrics.md has every series (npx tsx build/write-metric-docs.ts)', () => {
  expect(readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')).toBe(renderMetricDocs());
});
