import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { OPENAI_ENDPOINTS } from '../../domain/models.ts';
import { renderParameterDocs } from '../../build/parameterDocs.ts';

test('docs/parameters.md has the fields that are served (npx tsx build/write-parameter-docs.ts)', () => {
  const docs = readFileSync(new URL('../../docs/parameters.md', import.meta.url), 'utf8');
  expect(docs).toBe(renderParameterDocs());
  for (const endpoint of OPENAI_ENDPOINTS) expect(docs).toContain(`## \`${endpoint}\``);
});
