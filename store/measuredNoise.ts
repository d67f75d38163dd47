import { wider, type MeasuredNoise } from '../domain/trust/tolerance.ts';
import type { Queryable } from './database.ts';

/** Noise of one class of hardware, or of the probe that admitted the model. */
export interface StoredNoise {
  /** Null: the probe's. */
  readonly hardwareClass: string | null;
  readonly noise: MeasuredNoise;
  /** Answers that were compared. */
  readonly samples: number;
}

export async function listMeasuredNoise(database: Queryable, modelSha256: string): Promise<StoredNoise[]> {
  return database.query<StoredNoise>(
    `select nullif(hardware_class, '') as "hardwareClass", noise, samples from measured_noise
     where model_sha256 = $1 order by hardware_class`,
    [modelSha256],
  );
}

/** What was seen widens what is stored, and never narrows it. */
export async function addMeasuredNoise(
  database: Queryable,
  modelSha256: string,
  { hardwareClass, noise, samples }: StoredNoise,
): Promise<void> {
  await database.transaction(async (tx) => {
    const key = [modelSha256, hardwareClass ?? ''];
    await tx.query(`select pg_advisory_xact_lock(hashtext('noise'), hashtext($1))`, [key.join(' ')]);
    const [before] = await tx.query<{ noise: MeasuredNoise }>(
      'select noise from measured_noise where model_sha256 = $1 and hardware_class = $2',
      key,
    );
    await tx.query(
      `insert into measured_noise (model_sha256, hardware_class, noise, samples) values ($1, $2, $3, $4)
       on conflict (model_sha256, hardware_class) do update
         set noise = excluded.noise, samples = measured_noise.samples + excluded.samples, real_at = now()`,
      [...key, JSON.stringify(before ? wider(before.noise, noise) : noise), samples],
    );
  });
}
