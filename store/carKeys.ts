import { createHash, randomBytes } from 'node:crypto';
import type { HardwareClass } from '../domain/hardwareClasses.ts';
import { instant, type Queryable } from './database.ts';

const CAR_KEY_PREFIX = 'nsc_';
const CODE_PREFIX = 'nse_';

/** What a car's key lets its bearer be. */
export interface KeyedCar {
  readonly vehicleId: string;
  readonly cellId: string;
  readonly regionId: string;
  readonly hardwareClass: HardwareClass;
  readonly modelFamilies: readonly string[];
  /** Families of roll-outs that the car takes part in; it polls their queues too. */
  readonly rolloutFamilies?: readonly string[];
  /** It gets no work. */
  readonly quarantined?: boolean;
}

/** A new code that an agent exchanges for its car's key. The code is handed out once; its hash is stored. */
export async function addEnrolmentCode(database: Queryable, vehicleId: string, expiresRealMs: number): Promise<string> {
  const code = randomSecret(CODE_PREFIX);
  await database.query('insert into enrolment_codes (code_sha256, vehicle_id, expires_real_at) values ($1, $2, $3)', [
    hashOf(code),
    vehicleId,
    instant(expiresRealMs),
  ]);
  return code;
}

/**
 * Exchanges a code for a new key of its car. The code is used up with it, and so is the key that the car had before.
 * @returns undefined when the code is unknown, used or expired
 */
export async function exchangeEnrolmentCode(
  database: Queryable,
  code: string,
  nowRealMs: number,
): Promise<{ readonly vehicleId: string; readonly key: string } | undefined> {
  return database.transaction(async (tx) => {
    const [used] = await tx.query<{ vehicleId: string }>(
      `delete from enrolment_codes where code_sha256 = $1 and expires_real_at > $2 returning vehicle_id as "vehicleId"`,
      [hashOf(code), instant(nowRealMs)],
    );
    if (!used) return undefined;
    const key = randomSecret(CAR_KEY_PREFIX);
    await tx.query(
      `insert into car_keys (vehicle_id, key_sha256) values ($1, $2)
       on conflict (vehicle_id) do update set key_sha256 = excluded.key_sha256, created_real_at = now()`,
      [used.vehicleId, hashOf(key)],
    );
    return { vehicleId: used.vehicleId, key };
  });
}

/** The car that this key is the key of. Looked up by hash, so that the time that it takes gives no key away. */
export async function carOfKey(database: Queryable, key: string): Promise<KeyedCar | undefined> {
  const [car] = await database.query<KeyedCar>(
    `select v.id as "vehicleId", r.cell_id as "cellId", v.region_id as "regionId", v.hardware_class as "hardwareClass",
       v.model_families as "modelFamilies", array(
         select o.family from rollout_cars c join model_rollouts o on o.id = c.rollout_id where c.vehicle_id = v.id
         union all select t.base_family || '~t' || t.id from training_cars t where t.vehicle_id = v.id
         order by family) as "rolloutFamilies", exists (
         select 1 from quarantines q where q.vehicle_id = v.id and q.ended_at is null) as quarantined
     from car_keys k join vehicles v on v.id = k.vehicle_id join regions r on r.id = v.region_id
     where k.key_sha256 = $1`,
    [hashOf(key)],
  );
  return car;
}

/** Withdraws the car's key and the codes that it was not exchanged for yet. */
export async function removeCarKey(database: Queryable, vehicleId: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('delete from car_keys where vehicle_id = $1', [vehicleId]);
    await tx.query('delete from enrolment_codes where vehicle_id = $1', [vehicleId]);
  });
}

function randomSecret(prefix: string): string {
  return `${prefix}${randomBytes(24).toString('base64url')}`;
}

/** Keys and codes are random and long, so that no slow hash is needed. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
