import { writeFileSync } from 'node:fs';
import { renderMetricDocs } from './metricDocs.ts';

writeFileSync(new URL('../docs/metrics.md', import.meta.url), renderMetricDocs());
