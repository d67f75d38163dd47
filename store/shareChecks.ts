import type { Verdict } from '../domain/trust/reputation.ts';
import { instant, type Queryable } from './database.ts';

/** One check of what a car has answered of a shard. */
export interface ShareCheck {
  readonly jobId: string;
  readonly shard: number;
  readonly vehicleId: string;
  /** Of the car's receipts of the shard, hex. */
  readonly shareSha256: string;
  readonly lines: number;
  readonly checked: number;
  readonly differing: number;
  /** Of generated text: tokens that were read, and those that diverge. */
  readonly tokens: number;
  readonly divergent: number;
  readonly verdict: Verdict;
  /** Grid time. */
  readonly atMs: number;
}

export async function recordShareCheck(tx: Queryable, check: ShareCheck): Promise<void> {
  await tx.query(
    `insert into share_checks (job_id, shard, vehicle_id, share_sha256, lines, checked, differing, verdict, at,
       tokens, divergent)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing`,
    [
      check.jobId,
      check.shard,
      check.vehicleId,
      check.shareSha256,
      check.lines,
      check.checked,
      check.differing,
      check.verdict,
      instant(check.atMs),
      check.tokens,
      check.divergent,
    ],
  );
}

export async function wasShareChecked(
  database: Queryable,
  { jobId, shard, vehicleId, shareSha256 }: Pick<ShareCheck, 'jobId' | 'shard' | 'vehicleId' | 'shareSha256'>,
): Promise<boolean> {
  const rows = await database.query(
    `select 1 from share_checks where job_id = $1 and shard = $2 and vehicle_id = $3 and share_sha256 = $4`,
    [jobId, shard, vehicleId, shareSha256],
  );
  return rows.length > 0;
}

/** The newest checks of a car, newest first. */
export async function listShareChecks(database: Queryable, vehicleId: string, limit: number): Promise<ShareCheck[]> {
  return database.query<ShareCheck>(
    `select job_id as "jobId", shard, vehicle_id as "vehicleId", share_sha256 as "shareSha256", lines, checked, differing,
       tokens, divergent, verdict, at as "atMs" from share_checks where vehicle_id = $1 order by at desc, job_id, shard limit $2`,
    [vehicleId, limit],
  );
}

/** Trusted answers that stand in the place of a car's. */
export interface LineCorrection {
  readonly line: number;
  /** Of its part, hex. */
  readonly sha256: string;
}

export async function recordLineCorrections(
  tx: Queryable,
  jobId: string,
  shard: number,
  corrections: readonly LineCorrection[],
): Promise<void> {
  for (const { line, sha256 } of corrections) {
    await tx.query(
      `insert into line_corrections (job_id, shard, line, sha256) values ($1, $2, $3, $4)
       on conflict (job_id, shard, line) do update set sha256 = excluded.sha256`,
      [jobId, shard, line, sha256],
    );
  }
}

export async function listLineCorrections(
  database: Queryable,
  jobId: string,
  shard: number,
): Promise<LineCorrection[]> {
  return database.query<LineCorrection>(
    'select line, sha256 from line_corrections where job_id = $1 and shard = $2 order by line',
    [jobId, shard],
  );
}
