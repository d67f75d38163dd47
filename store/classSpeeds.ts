import { MAX_SPEED_SAMPLES, speedsOf, type KnownSpeed } from '../domain/classSpeed.ts';
import type { HardwareClass } from '../domain/hardwareClasses.ts';
import type { Queryable } from './database.ts';

interface ClassOfModel {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly hardwareClass: HardwareClass;
}

/** How long a class of cars takes for one unit of a model's work, at full power, in grid time. */
export interface ClassSpeed extends ClassOfModel, KnownSpeed {
  readonly deviceMsPerUnit: number;
}

/** Sets the figure that holds until cars have been measured. */
export async function seedClassSpeed(
  database: Queryable,
  speed: ClassOfModel & { readonly statedMsPerUnit: number },
): Promise<void> {
  await database.query(
    `insert into class_speeds (model_name, model_version, hardware_class, stated_ms_per_unit)
     values ($1, $2, $3, $4)
     on conflict (model_name, model_version, hardware_class) do update
       set stated_ms_per_unit = excluded.stated_ms_per_unit`,
    [speed.modelName, speed.modelVersion, speed.hardwareClass, speed.statedMsPerUnit],
  );
}

/** Gives a version of a model the speeds of another one, where nobody knows its own: without, it would not be planned. */
export async function seedSpeedsLike(
  database: Queryable,
  known: { readonly name: string; readonly version: string },
  version: string,
): Promise<void> {
  await database.query(
    `insert into class_speeds (model_name, model_version, hardware_class, stated_ms_per_unit)
     select s.model_name, $3, s.hardware_class, s.stated_ms_per_unit from class_speeds s
     where s.model_name = $1 and s.model_version = $2 and not exists (
       select 1 from hardware_classes c join models m on m.name = $1 and m.version = $3 and m.tenant_id is null
       where c.id = s.hardware_class and c.memory_mb < m.memory_mb)
     on conflict do nothing`,
    [known.name, known.version, version],
  );
}

/**
 * Gives classes a speed for the models that they have none for: that of the slowest class, or of the machine that
 * probed the model, until cars have been measured. Without one, no job of the model would be planned on them: so a class whose memory the model does not fit
 * gets none, and loses the one that it had.
 */
export async function completeClassSpeeds(database: Queryable): Promise<void> {
  await database.query(
    `insert into class_speeds (model_name, model_version, hardware_class, stated_ms_per_unit)
     select m.name, m.version, c.id, coalesce(max(s.stated_ms_per_unit), max(m.probed_ms_per_unit))
     from models m left join class_speeds s on s.model_name = m.name and s.model_version = m.version
       cross join hardware_classes c group by m.name, m.version, c.id
     having coalesce(max(s.stated_ms_per_unit), max(m.probed_ms_per_unit)) is not null
       and (c.memory_mb is null or max(m.memory_mb) is null or max(m.memory_mb) <= c.memory_mb)
     on conflict do nothing`,
  );
  await database.query(
    `delete from class_speeds s using hardware_classes c, models m
     where c.id = s.hardware_class and m.name = s.model_name and m.version = s.model_version
       and m.memory_mb > c.memory_mb`,
  );
}

/** Adds what one car's share of one shard has shown, and forgets the oldest. Time that no clock could see says nothing. */
export async function measureClassSpeed(
  database: Queryable,
  measured: ClassOfModel & { readonly deviceMs: number; readonly units: number },
): Promise<void> {
  const msPerUnit = measured.deviceMs / measured.units;
  if (!(msPerUnit > 0) || !Number.isFinite(msPerUnit)) return;
  await database.query(
    `insert into class_speeds as s (model_name, model_version, hardware_class, stated_ms_per_unit, measured_ms_per_unit)
     values ($1, $2, $3, $4::double precision, array[$4::double precision])
     on conflict (model_name, model_version, hardware_class) do update set measured_ms_per_unit =
       (s.measured_ms_per_unit || $4::double precision)[greatest(1, cardinality(s.measured_ms_per_unit) + 2 - $5):]`,
    [measured.modelName, measured.modelVersion, measured.hardwareClass, msPerUnit, MAX_SPEED_SAMPLES],
  );
}

/** The speeds of every model, each class's held against the others of its model. */
export async function listClassSpeeds(database: Queryable): Promise<ClassSpeed[]> {
  const known = await database.query<ClassOfModel & KnownSpeed>(
    `select model_name as "modelName", model_version as "modelVersion", hardware_class as "hardwareClass",
       stated_ms_per_unit as "statedMsPerUnit", measured_ms_per_unit as "measuredMsPerUnit" from class_speeds`,
  );
  const models = new Map<string, (ClassOfModel & KnownSpeed)[]>();
  for (const each of known) {
    const model = `${each.modelName}/${each.modelVersion}`;
    models.set(model, [...(models.get(model) ?? []), each]);
  }
  return [...models.values()].flatMap((classes) => speedsOf(classes));
}
