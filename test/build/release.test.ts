import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';
import { parse } from 'yaml';

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('nothing of ours runs when it is installed, and CI installs without the scripts of others', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(scripts[name]).toBeUndefined();
  expect(text('.github/workflows/ci.yaml')).not.toMatch(/npm ci(?! --ignore-scripts)/);
});

test('CI checks, and looks for known weaknesses in what is installed, every day', () => {
  const ci = parse(text('.github/workflows/ci.yaml')) as {
    on: { schedule: unknown[] };
    jobs: Record<string, { steps: { run?: string }[] }>;
  };
  const commands = Object.values(ci.jobs).flatMap(({ steps }) => steps.map(({ run }) => run));
  expect(commands).toEqual(expect.arrayContaining(['npm run check', 'npm run audit']));
  expect(ci.on.schedule).toHaveLength(1);
});
