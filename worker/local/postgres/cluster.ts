import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NightshiftError } from '../../../domain/errors.ts';
import { messageOf } from '../../../domain/thrown.ts';
import { executable } from './binaries.ts';
import type { Placement } from './placement.ts';

export const POSTGRES_USER = 'nightshift';
const DRAFT_PREFIX = '.draft-';

export const dataDirOf = ({ folder }: Pick<Placement, 'folder'>): string => join(folder, 'data');

/** What PostgreSQL's programs run with: nothing of the user's locale, zone or PG* variables gets into the cluster. */
export function postgresEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH: environment.PATH, LC_ALL: 'C', LANG: 'C', TZ: 'UTC' };
}

/** The generated password of the cluster, kept in the state folder for its owner only. */
export function clusterPassword(stateDir: string): string {
  const path = join(stateDir, 'postgres-password');
  if (!existsSync(path)) {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.draft`, randomBytes(24).toString('base64url'), { mode: 0o600 });
    renameSync(`${path}.draft`, path);
  }
  return readFileSync(path, 'utf8');
}

/**
 * Copies the cluster that lies in `from` to its new place, all or nothing, with its owner: an earlier version kept it in
 * a state folder that others could enter.
 * @returns false when there is none
 */
export async function moveCluster(from: string, placement: Placement): Promise<boolean> {
  const data = dataDirOf({ folder: from });
  if (!existsSync(data)) return false;
  const draft = join(placement.folder, DRAFT_PREFIX + randomUUID());
  // Not by renaming: the two places may be on different disks. Not by fs.cp, which keeps no owner.
  await promisify(execFile)('cp', ['-pR', data, draft]);
  renameSync(draft, dataDirOf(placement));
  return true;
}

/**
 * Creates the cluster unless it is there: UTF8, locale C, scram-sha-256. It is made under another name and renamed, so
 * that one that was interrupted is never used.
 */
export async function createCluster(placement: Placement, password: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (existsSync(dataDirOf(placement))) return;
  const { folder, account } = placement;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(DRAFT_PREFIX)) rmSync(join(folder, name), { recursive: true, force: true });
  }

  const draft = join(folder, DRAFT_PREFIX + randomUUID());
  const passwordFile = join(folder, `${DRAFT_PREFIX}password`);
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  // The mode given at creation is cut by the umask.
  chmodSync(draft, 0o700);
  if (account !== undefined) for (const path of [draft, passwordFile]) chownSync(path, account.uid, account.gid);
  try {
    await promisify(execFile)(
      executable(placement.binaries, 'initdb'),
      [
        `--pgdata=${draft}`,
        `--username=${POSTGRES_USER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-instructions',
      ],
      { env: postgresEnvironment(env), cwd: folder, ...(account && { uid: account.uid, gid: account.gid }) },
    );
    renameSync(draft, dataDirOf(placement));
  } catch (cause) {
    throw new NightshiftError(
      'unavailable',
      `PostgreSQL could not create its cluster in ${folder}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  } finally {
    rmSync(draft, { recursive: true, force: true });
    rmSync(passwordFile, { force: true });
  }
}
