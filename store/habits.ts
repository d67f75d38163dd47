import type { Queryable } from './database.ts';

/**
 * Learns one ended stay, once: stays that were learned already change nothing.
 * @param learn what the stay adds to the car's habit, as the scheduler's own record
 */
export async function learnHabit<Habit>(
  db: Queryable,
  vehicleId: string,
  stay: number,
  learn: (habit: Habit | undefined) => Habit,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query('select 1 from vehicles where id = $1 for update', [vehicleId]);
    const [known] = await tx.query<{ habit: Habit; learnedStay: number }>(
      'select habit, learned_stay as "learnedStay" from vehicle_habits where vehicle_id = $1',
      [vehicleId],
    );
    if (known && known.learnedStay >= stay) return;
    await tx.query(
      `insert into vehicle_habits (vehicle_id, habit, learned_stay) values ($1, $2, $3)
       on conflict (vehicle_id) do update set habit = excluded.habit, learned_stay = excluded.learned_stay`,
      [vehicleId, JSON.stringify(learn(known?.habit)), stay],
    );
  });
}

/** Habits of the cell's cars that are at the plug. */
export async function listHabits<Habit>(db: Queryable, cellId: string): Promise<Map<string, Habit>> {
  const rows = await db.query<{ vehicleId: string; habit: Habit }>(
    `select h.vehicle_id as "vehicleId", h.habit from vehicle_habits h join vehicles v on v.id = h.vehicle_id
       join regions r on r.id = v.region_id
       join parking_sessions p on p.vehicle_id = v.id and p.unplugged_at is null
     where r.cell_id = $1`,
    [cellId],
  );
  return new Map(rows.map(({ vehicleId, habit }) => [vehicleId, habit]));
}
