import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIST } from './separateProcess.ts';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * A release after this one, as its processes and its database meet it: the same programs in another folder, and a migration that
 * only adds.
 * @returns its folder of built code, ending with a slash
 */
export async function makeNextRelease(folder: string): Promise<string> {
  const build = join(folder, 'next', 'dist');
  await mkdir(join(folder, 'next'), { recursive: true });
  await cp(DIST, build, { recursive: true });
  await cp(join(CHECKOUT, 'package.json'), join(folder, 'next', 'package.json'));
  await symlink(join(CHECKOUT, 'node_modules'), join(folder, 'next', 'node_modules'));
  await writeFile(
    join(build, 'store', 'migrations', '9999_next_release.sql'),
    'create table next_release (id text primary key);\nalter table vehicles add column next_release text;\n',
  );
  return `${build}/`;
}
