import type { HardwareClassSpec } from '../domain/hardwareClasses.ts';
import type { Queryable } from './database.ts';

const COLUMNS = `id, chip_kw as "chipKw", awake_kw as "awakeKw", cooling, providers, probe_gflops as "probeGflops",
  memory_mb as "memoryMb", source, assumed`;

export async function listHardwareClasses(database: Queryable): Promise<HardwareClassSpec[]> {
  return database.query<HardwareClassSpec>(`select ${COLUMNS} from hardware_classes order by id`);
}

/** Adds a class, or changes its figures. */
export async function upsertHardwareClass(database: Queryable, spec: HardwareClassSpec): Promise<void> {
  await database.query(
    `insert into hardware_classes (id, chip_kw, awake_kw, cooling, providers, probe_gflops, source, assumed, memory_mb)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (id) do update set chip_kw = excluded.chip_kw, awake_kw = excluded.awake_kw,
       cooling = excluded.cooling, providers = excluded.providers, probe_gflops = excluded.probe_gflops,
       source = excluded.source, assumed = excluded.assumed, memory_mb = excluded.memory_mb`,
    [
      spec.id,
      spec.chipKw,
      spec.awakeKw,
      spec.cooling,
      spec.providers,
      spec.probeGflops,
      spec.source,
      spec.assumed,
      spec.memoryMb,
    ],
  );
}
