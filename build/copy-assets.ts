import { cpSync, existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is read at run time beside the compiled code, but is no TypeScript: folder and the endings of its files. */
const ASSETS = [
  { folder: 'store/migrations', endings: ['.sql'] },
  { folder: 'demo/night', endings: ['.yaml'] },
] as const satisfies readonly {
  folder: string;
  endings: readonly string[];
}[];

// This file runs from dist/build.
const dist = new URL('../', import.meta.url);
const checkout = new URL('../', dist);

for (const { folder, endings } of ASSETS) {
  const from = fileURLToPath(new URL(folder, checkout));
  if (!existsSync(from)) throw new Error(`copy-assets: ${from} does not exist`);
  const wanted: readonly string[] = endings;
  cpSync(from, fileURLToPath(new URL(folder, dist)), {
    recursive: true,
    filter: (source) => statSync(source).isDirectory() || wanted.includes(extname(source)),
  });
}
