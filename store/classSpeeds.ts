import type { HardwareClass } from '../domain/hardwareClasses.ts';
import type { Queryable } from './database.ts';

/** How long a class of cars takes for one line of a model, at full power, in grid time. */
export interface ClassSpeed {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly hardwareClass: HardwareClass;
  readonly deviceMsPerLine: number;
  /** Lines that this figure was measured on; 0 for the figure of the model's manifest. */
  readonly lines: number;
}

/** Weight of the lines seen so far is capped here, so that the figure follows a fleet that changes. */
const MEMORY_LINES = 2000;

/** Sets the figure that the model's manifest states, unless cars have been measured already. */
export async function seedClassSpeed(db: Queryable, speed: Omit<ClassSpeed, 'lines'>): Promise<void> {
  await db.query(
    `insert into class_speeds (model_name, model_version, hardware_class, device_ms_per_line, lines)
     values ($1, $2, $3, $4, 0)
     on conflict (model_name, model_version, hardware_class) do update
       set device_ms_per_line = excluded.device_ms_per_line where class_speeds.lines = 0`,
    [speed.modelName, speed.modelVersion, speed.hardwareClass, speed.deviceMsPerLine],
  );
}

/**
 * Gives classes a speed for the models that they have none for: that of the slowest class, until cars have been
 * measured. Without one, no job of the model would be planned on them.
 */
export async function completeClassSpeeds(db: Queryable): Promise<void> {
  await db.query(
    `insert into class_speeds (model_name, model_version, hardware_class, device_ms_per_line, lines)
     select s.model_name, s.model_version, c.id, max(s.device_ms_per_line), 0
     from class_speeds s cross join hardware_classes c group by s.model_name, s.model_version, c.id
     on conflict do nothing`,
  );
}

/** Folds a measurement of `lines` lines into the running mean. */
export async function measureClassSpeed(db: Queryable, speed: ClassSpeed): Promise<void> {
  if (speed.lines <= 0) return;
  await db.query(
    `insert into class_speeds as s (model_name, model_version, hardware_class, device_ms_per_line, lines)
     values ($1, $2, $3, $4, $5)
     on conflict (model_name, model_version, hardware_class) do update set
       device_ms_per_line = (s.device_ms_per_line * s.lines + excluded.device_ms_per_line * excluded.lines)
         / (s.lines + excluded.lines),
       lines = least($6, s.lines + excluded.lines)`,
    [speed.modelName, speed.modelVersion, speed.hardwareClass, speed.deviceMsPerLine, speed.lines, MEMORY_LINES],
  );
}

export async function listClassSpeeds(db: Queryable): Promise<ClassSpeed[]> {
  return db.query<ClassSpeed>(
    `select model_name as "modelName", model_version as "modelVersion", hardware_class as "hardwareClass",
       device_ms_per_line as "deviceMsPerLine", lines from class_speeds`,
  );
}
