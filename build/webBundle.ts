import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Files of the page that are served as they are. */
const STATIC_FILES = ['index.html', 'icon.svg', 'app.webmanifest'];

/** Makes the page's folder: one script and one sheet of styles from all of `web/`. */
export async function bundleWeb(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  await build({
    entryPoints: { app: join(source, 'main.tsx') },
    outdir: target,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  for (const name of STATIC_FILES) await copyFile(join(source, name), join(target, name));
}
