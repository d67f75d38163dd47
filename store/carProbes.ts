import type { Probe } from '../domain/probes.ts';
import type { Queryable } from './database.ts';

/** Keeps what the car's agent measured last. */
export async function saveProbe(database: Queryable, probe: Probe & { readonly vehicleId: string }): Promise<void> {
  await database.query(
    `insert into car_probes (vehicle_id, gflops, watts, provider) values ($1, $2, $3, $4)
     on conflict (vehicle_id) do update set gflops = excluded.gflops, watts = excluded.watts,
       provider = excluded.provider, measured_real_at = now()`,
    [probe.vehicleId, probe.gflops, probe.watts, probe.provider],
  );
}

/** What the other cars of a class have measured. */
export async function listProbedGflops(
  database: Queryable,
  hardwareClass: string,
  exceptId: string,
): Promise<number[]> {
  const rows = await database.query<{ gflops: number }>(
    `select p.gflops from car_probes p join vehicles v on v.id = p.vehicle_id
     where v.hardware_class = $1 and v.id <> $2`,
    [hardwareClass, exceptId],
  );
  return rows.map(({ gflops }) => gflops);
}
