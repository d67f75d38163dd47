import { createHash } from 'node:crypto';

import type { ModelFolder } from '../../domain/models.ts';

/** Pins every file of a folder by one hash: of lines "sha256  path", sorted by path, as `sha256sum` writes them. */
export function folderSha256(files: ModelFolder['files']): string {
  const lines = files.map(({ path, sha256 }) => ({ path, line: `${sha256}  ${path}\n` }));
  lines.sort((a, b) => (a.path < b.path ? -1 : 1));
  return createHash('sha256')
    .update(lines.map(({ line }) => line).join(''))
    .digest('hex');
}
