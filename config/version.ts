import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The version of Nightshift that runs, from its package.json. */
export function readVersion(): string {
  // Sources lie one folder below package.json, compiled files two.
  const up = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json';
  const manifest: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}
