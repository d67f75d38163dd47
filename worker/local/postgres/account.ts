import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { NightshiftError } from '../../../domain/errors.ts';

/** A user that PostgreSQL runs as when we are root, since it refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** `postgres` is there where PostgreSQL is or was installed; `nobody` is everywhere. */
const CANDIDATES = ['postgres', 'nobody'] as const;

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * The user for a cluster: whoever owns its files already, else the first candidate that the system knows. initdb looks
 * the user up by name, so that a number alone does not do.
 * @throws NightshiftError `unavailable` when the system knows none
 */
export function accountFor(ownerUid: number | undefined): Account {
  const users = ownerUid === undefined || ownerUid === 0 ? CANDIDATES : [String(ownerUid)];
  for (const user of users) {
    const account = lookUp(user);
    if (account !== undefined) return account;
  }
  throw new NightshiftError(
    'unavailable',
    `PostgreSQL cannot run as root, and the system has no user ${users.join(' or ')}. Create one, run as an ordinary user, or set DATABASE_URL.`,
  );
}

function lookUp(user: string): Account | undefined {
  const id = (option: string): string =>
    execFileSync('id', [option, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return { uid: Number(id('-u')), gid: Number(id('-g')), name: id('-un') };
  } catch {
    return undefined;
  }
}

/** Whether the account may enter `folder` and list it, by the permission bits of it and of every folder above it. */
export function canReach(account: Account, folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    const { uid, gid, mode } = statSync(path);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    const needed = path === folder ? 0o5 : 0o1;
    if (((mode >> shift) & needed) !== needed) return false;
    if (path === dirname(path)) return true;
  }
}
