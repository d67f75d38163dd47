import { z } from 'zod';
import { NightshiftError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import type { ObjectStore } from '../objectStore.ts';

/** What a backup says of itself. Written last: a folder without it is a backup that was broken off. */
export const manifestSchema = z.object({
  format: z.literal('nightshift-backup-1'),
  /** Real time of the snapshot: everything that was committed before is in it, nothing that came later. */
  takenAt: z.iso.datetime(),
  /** Files of migrations that had run, in order. */
  migrations: z.array(z.string()),
  tables: z.array(
    z.object({
      name: z.string().regex(/^[a-z_][a-z0-9_]*$/),
      columns: z.array(z.string().regex(/^[a-z_][a-z0-9_]*$/)).min(1),
      rows: z.number().int().min(0),
      /** Of the rows as PostgreSQL copied them, hex. */
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** Last values of the sequences that have given any. */
  sequences: z.array(
    z.object({ name: z.string().regex(/^[a-z_][a-z0-9_]*$/), lastValue: z.string().regex(/^-?\d+$/) }),
  ),
  objects: z.array(z.object({ key: z.string(), sizeBytes: z.number().int().min(0), sha256: z.string() })),
});
export type BackupManifest = z.infer<typeof manifestSchema>;
export type BackedUpTable = BackupManifest['tables'][number];

/** Where in the backup's folder, which is an object store itself, things are. */
export const backupKeys = {
  manifest: 'manifest.json',
  table: (name: string) => `tables/${name}.copy`,
  object: (key: string) => `objects/${key}`,
} as const;

/** @throws NightshiftError `invalid_request` when it is no backup, a broken-off one, or one of another format */
export async function readManifest(folder: ObjectStore): Promise<BackupManifest> {
  if (!(await folder.head(backupKeys.manifest))) {
    const message = 'There is no manifest.json: this is no backup, or one that was broken off.';
    throw new NightshiftError('invalid_request', message, { field: 'folder' });
  }
  const read = manifestSchema.safeParse(parseJson((await folder.get(backupKeys.manifest)).toString('utf8')));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const message = `manifest.json: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'cannot be read'}`;
  throw new NightshiftError('invalid_request', message, { field: 'folder' });
}
