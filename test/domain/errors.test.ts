import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../domain/errors.ts';

test('docs/errors.md has every code with its status and meaning, and no other', async () => {
  const docs = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = docs.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toEqual(
    Object.entries(ERROR_CODES).map(
      ([code, { httpStatus, retryable, meaning }]) =>
        `| \`${code}\` | ${httpStatus} | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
    ),
  );
});
