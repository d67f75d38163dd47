import { readFile } from 'node:fs/promises';

import { describe, expect, test } from 'vitest';

import { FINDING_RULES } from '../../scheduler/check/findings.ts';
import { PLAN_METHODS } from '../../scheduler/plan.ts';
import { PLAN_REASONS } from '../../scheduler/reasons.ts';

const documented = await readFile(new URL('../../docs/planner.md', import.meta.url), 'utf8');

describe('docs/planner.md', () => {
  test.each([
    ['reason', PLAN_REASONS],
    ['finding', FINDING_RULES],
    ['method', PLAN_METHODS],
  ])('has a row for every %s', (_, registry) => {
    const missing = Object.keys(registry).filter((code) => !documented.includes(`| \`${code}\` |`));
    expect(missing).toEqual([]);
  });

  test('documents no reason or finding that is gone', () => {
    const tables = documented.slice(documented.indexOf('## Reasons'));
    const codes = [...tables.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1] ?? '');
    expect(codes.filter((code) => !(code in PLAN_REASONS) && !(code in FINDING_RULES))).toEqual([]);
  });
});
