import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/**
 * Which folders each folder may import from, types included. Read from the top: a folder names only folders above it,
 * so arrows point one way and there is no circle of folders. docs/architecture.md says what each folder is for.
 */
const MAY_IMPORT = {
  domain: [],
  // Lengths of time, seeded chance and groups of things, which are no words of ours.
  scheduler: ['domain/durations.ts', 'domain/grouped.ts', 'domain/random.ts'],
  store: ['domain'],
  workflows: ['domain'],
  charging: ['domain', 'store'],
  planning: ['domain', 'scheduler', 'store', 'charging'],
  training: ['domain'],
  inference: ['domain', 'store', 'training'],
  car: ['domain', 'store', 'training', 'inference'],
  activities: ['domain', 'scheduler', 'store', 'charging', 'planning', 'training', 'inference'],
  api: ['domain', 'scheduler', 'store', 'charging', 'planning', 'training'],
  // The forms of the API and nothing else of ours: it runs in a browser, and its types are all it takes.
  web: ['api/wire'],
  agent: ['domain', 'store', 'training', 'inference', 'car', 'api'],
  simulator: ['domain', 'scheduler'],
  backtest: ['domain', 'scheduler', 'planning', 'simulator'],
  config: ['domain', 'store', 'charging', 'activities'],
  worker: [
    'domain',
    'config',
    'scheduler',
    'store',
    'workflows',
    'charging',
    'planning',
    'training',
    'inference',
    'car',
    'activities',
    'api',
    'agent',
  ],
  cli: [
    'domain',
    'scheduler',
    'store',
    'planning',
    'training',
    'inference',
    'api',
    'agent',
    'simulator',
    'backtest',
    'config',
    'worker',
  ],
  demo: [
    'domain',
    'scheduler',
    'store',
    'training',
    'inference',
    'car',
    'api',
    'agent',
    'simulator',
    'config',
    'worker',
    'cli',
  ],
  build: ['domain', 'training', 'inference', 'config'],
} as const satisfies Record<string, readonly string[]>;

/** Packages that a folder must do without, since what it promises would not hold with them. */
const FORBIDDEN_PACKAGES: Record<string, RegExp> = {
  scheduler: /^(node:|@temporalio\/)/,
  workflows: /^node:/,
  store: /^@temporalio\//,
  simulator: /^@temporalio\//,
  web: /^(?!preact|uplot)/,
};

const WORKER_LINES = 4_700;

interface SourceFile {
  readonly path: string;
  readonly folder: string;
  readonly lines: number;
  /** Paths of our own modules. */
  readonly modules: readonly string[];
  readonly packages: readonly string[];
}

async function sourceFiles(): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const folder of Object.keys(MAY_IMPORT)) {
    for (const entry of await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
      const file = join(entry.parentPath, entry.name);
      const source = await readFile(file, 'utf8');
      const named = [...source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name = '']) => name);
      const own = named.filter((name) => name.startsWith('.'));
      files.push({
        path: relative(ROOT, file),
        folder,
        lines: source.split('\n').length - 1,
        modules: own.map((name) => relative(ROOT, join(dirname(file), name))),
        packages: named.filter((name) => !name.startsWith('.')),
      });
    }
  }
  return files;
}

const files = await sourceFiles();

describe('architecture', () => {
  test('lets arrows point one way: each folder imports only from folders above it', () => {
    const order = Object.keys(MAY_IMPORT);
    for (const [folder, allowed] of Object.entries(MAY_IMPORT))
      for (const other of allowed)
        expect(order.indexOf(other.split('/')[0] ?? ''), `${folder} -> ${other}`).toBeLessThan(order.indexOf(folder));
    const wrong = files.flatMap(({ path, folder, modules }) => {
      const allowed: readonly string[] = MAY_IMPORT[folder as keyof typeof MAY_IMPORT];
      return modules
        .filter((module) => {
          const other = module.split('/')[0] ?? '';
          const names = [other, dirname(module), module];
          return module.includes('/') && other !== folder && !names.some((name) => allowed.includes(name));
        })
        .map((module) => `${path} imports ${module}`);
    });
    expect(wrong).toEqual([]);
  });

  test('has no circles between files, imports of types included', () => {
    const graph = new Map(files.map(({ path, modules }) => [path, modules]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  test('keeps packages out of the folders whose promises they would break', () => {
    const wrong = files.flatMap(({ path, folder, packages }) => {
      const forbidden = FORBIDDEN_PACKAGES[folder];
      return packages.filter((name) => forbidden?.test(name)).map((name) => `${path} imports ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  test('keeps worker/ to processes and their wiring', () => {
    const lines = files.filter(({ folder }) => folder === 'worker').reduce((sum, file) => sum + file.lines, 0);
    expect(lines).toBeLessThan(WORKER_LINES);
  });

  test('says of each folder in docs/architecture.md what it is for', async () => {
    const docs = await readFile(join(ROOT, 'docs/architecture.md'), 'utf8');
    for (const folder of Object.keys(MAY_IMPORT)) expect(docs).toContain(`\`${folder}/\``);
  });
});
