import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

test('the package holds what its commands run, and nothing that only a checkout needs', () => {
  const printed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: CHECKOUT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(printed) as [{ files: { path: string }[] }];
  const paths = packed.files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'dist/cli/main.js',
      'dist/demo/main.js',
      'dist/workflow-bundle.js',
      ...readdirSync(`${CHECKOUT}store/migrations`).map((file) => `dist/store/migrations/${file}`),
    ]),
  );
  expect(paths.filter((path) => /^(test|bench)\/|\.ts$|\.map$|^dist\/(test|bench)\//.test(path))).toEqual([]);
}, 30_000);

test('start hands its options to the night', () => {
  const help = execFileSync(process.execPath, ['dist/cli/main.js', 'start', '--help'], {
    cwd: CHECKOUT,
    encoding: 'utf8',
  });
  expect(help).toContain('--report <file>');
});
