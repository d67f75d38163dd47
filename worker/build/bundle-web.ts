import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Files of the page that are served as they are. */
const STATIC_FILES = ['index.html', 'icon.svg', 'app.webmanifest'];

// This file runs from dist/worker/build.
const target = fileURLToPath(new URL('../../web/', import.meta.url));
const source = fileURLToPath(new URL('../../../web/', import.meta.url));

mkdirSync(target, { recursive: true });
await build({
  entryPoints: { app: `${source}main.tsx` },
  outdir: target,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
for (const name of STATIC_FILES) copyFileSync(`${source}${name}`, `${target}${name}`);
