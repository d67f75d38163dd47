import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { NightshiftError } from '../../../domain/errors.ts';
import { codeOf, messageOf } from '../../../domain/thrown.ts';
import { accountFor, canReach, isRoot, type Account } from './account.ts';
import { findPostgresBinaries, type PostgresBinaries } from './binaries.ts';

/** Where a cluster's files are and whom they belong to. */
export interface Placement {
  /** Holds `data`. */
  readonly folder: string;
  /** Folder of the binaries. */
  readonly binaries: string;
  /** Undefined: runs as the current user. */
  readonly account: Account | undefined;
  /** False when the state folder does not know of the place yet: data found there is that of a deleted state folder. */
  readonly remembered: boolean;
}

/** Tried in this order when the account may not enter the state folder or the checkout. */
const REACHABLE_FOLDERS: readonly string[] = ['/var/lib/nightshift', '/var/tmp/nightshift'];

const rememberedSchema = z.object({ folder: z.string() });

/**
 * Finds a place that PostgreSQL can work in. For an ordinary user that is the state folder. Root has to run it as another
 * user, and when that one may not enter the state folder (a folder above it is only root's), the data moves to
 * /var/lib/nightshift/<hash of the state folder>; the state folder remembers where.
 * @throws NightshiftError `unavailable` with what stands in the way
 */
export function placeCluster(stateDir: string, reachableFolders = REACHABLE_FOLDERS): Placement {
  mkdirSync(stateDir, { recursive: true });
  const memory = memoryOf(stateDir);
  const remembered = existsSync(memory) ? rememberedSchema.parse(JSON.parse(readFileSync(memory, 'utf8'))) : undefined;
  const packaged = findPostgresBinaries();
  const home = homeOf(stateDir);
  const folder = remembered?.folder ?? home;

  if (!isRoot()) {
    refuseOthersFiles(folder);
    mkdirSync(folder, { recursive: true });
    return { folder, binaries: packaged.root, account: undefined, remembered: true };
  }

  const account = accountFor(existsSync(folder) ? statSync(folder).uid : undefined);
  const placed =
    remembered?.folder ?? (canReach(account, stateDir) ? home : outside(stateDir, account, reachableFolders));
  mkdirSync(placed, { recursive: true });
  chownSync(placed, account.uid, account.gid);
  const binaries = reachableBinaries(packaged, account, reachableFolders);
  return { folder: placed, binaries, account, remembered: remembered !== undefined || placed === home };
}

/** Makes the state folder know of the place from now on. */
export function rememberPlacement(stateDir: string, { folder }: Placement): void {
  writeFileSync(memoryOf(stateDir), JSON.stringify({ folder }), { mode: 0o600 });
  // The mode of a file that was there stays.
  chmodSync(memoryOf(stateDir), 0o600);
}

const memoryOf = (stateDir: string): string => join(stateDir, 'postgres.json');

/** Where the cluster is unless its account may not enter the state folder. */
export const homeOf = (stateDir: string): string => join(stateDir, 'postgres');

function refuseOthersFiles(folder: string): void {
  const owner = ownerOf(folder);
  if (owner === undefined || owner === process.getuid?.()) return;
  throw new NightshiftError(
    'unavailable',
    `The PostgreSQL files in ${folder} belong to another user (uid ${owner}). Start as that user or as root, or set NIGHTSHIFT_STATE_DIR (stateDir) to another folder.`,
    { field: 'stateDir' },
  );
}

function ownerOf(folder: string): number | undefined {
  try {
    return statSync(folder).uid;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function outside(stateDir: string, account: Account, reachableFolders: readonly string[]): string {
  const name = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  return join(sharedFolder(account, reachableFolders), name);
}

/** The packaged binaries, or a copy of them where the account may read and run them. */
export function reachableBinaries(
  packaged: PostgresBinaries,
  account: Account,
  reachableFolders: readonly string[],
): string {
  if (['bin', 'lib', 'share'].every((part) => canReach(account, join(packaged.root, part)))) return packaged.root;
  const shared = sharedFolder(account, reachableFolders);
  const copy = join(shared, `postgresql-${packaged.version}`);
  if (existsSync(copy)) return copy;

  const draft = join(shared, `.draft-${randomUUID()}`);
  try {
    cpSync(packaged.root, draft, { recursive: true, verbatimSymlinks: true });
    openToAll(draft);
    renameSync(draft, copy);
  } catch (error) {
    // Another start may have put its copy there first, which is as good.
    if (!existsSync(copy)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return copy;
}

/** npm installs by root's umask, so that the files themselves may be closed to others too. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

/** A folder that only root may write to, so that nobody can slip binaries into it, and that the account may enter. */
function sharedFolder(account: Account, candidates: readonly string[]): string {
  const refusals: string[] = [];
  for (const folder of candidates) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      const { uid, mode } = statSync(folder);
      if (uid === 0 && (mode & 0o022) === 0 && canReach(account, folder)) return folder;
      refusals.push(`${folder}: must belong to root, be writable to root only, and be open to ${account.name}`);
    } catch (error) {
      refusals.push(`${folder}: ${messageOf(error)}`);
    }
  }
  throw new NightshiftError(
    'unavailable',
    `PostgreSQL has to run as ${account.name}, who may not enter the state folder or the checkout, and no other place works:\n  ${refusals.join('\n  ')}\nRun as an ordinary user, or set DATABASE_URL.`,
  );
}
