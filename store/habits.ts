import type { Queryable } from './database.ts';

/** What is known of a car's stays and of those at its feeder, as the scheduler's own records; undefined: nothing. */
export interface StoredHabits {
  readonly car: unknown;
  readonly feeder: unknown;
}

/**
 * Learns one ended stay, once: stays that were learned already change nothing.
 * @param learn what car and feeder are known for with this stay
 */
export async function learnHabits(
  database: Queryable,
  ended: { readonly vehicleId: string; readonly feederId: string; readonly stay: number },
  learn: (known: StoredHabits) => StoredHabits,
): Promise<void> {
  const { vehicleId, feederId, stay } = ended;
  await database.transaction(async (tx) => {
    await tx.query('select 1 from vehicles where id = $1 for update', [vehicleId]);
    const [car] = await tx.query<{ habit: unknown; learnedStay: number }>(
      'select habit, learned_stay as "learnedStay" from vehicle_habits where vehicle_id = $1',
      [vehicleId],
    );
    if (car && car.learnedStay >= stay) return;
    // Stays at one feeder may end at the same moment: each waits for the row, also for the first.
    await tx.query(`insert into feeder_habits (feeder_id, habit) values ($1, '{}') on conflict do nothing`, [feederId]);
    const [feeder] = await tx.query<{ habit: unknown }>(
      'select habit from feeder_habits where feeder_id = $1 for update',
      [feederId],
    );
    const learned = learn({ car: car?.habit, feeder: feeder?.habit });
    await tx.query(
      `insert into vehicle_habits (vehicle_id, habit, learned_stay) values ($1, $2, $3)
       on conflict (vehicle_id) do update set habit = excluded.habit, learned_stay = excluded.learned_stay`,
      [vehicleId, JSON.stringify(learned.car), stay],
    );
    await tx.query('update feeder_habits set habit = $2 where feeder_id = $1', [
      feederId,
      JSON.stringify(learned.feeder),
    ]);
  });
}

/** Habits of the cell's feeders, and of its cars that are at the plug. */
export async function listHabits<Habit>(
  database: Queryable,
  cellId: string,
  read: (stored: unknown) => Habit,
): Promise<{ readonly cars: Map<string, Habit>; readonly feeders: Map<string, Habit> }> {
  const cars = await database.query<{ id: string; habit: unknown }>(
    `select h.vehicle_id as id, h.habit from vehicle_habits h join vehicles v on v.id = h.vehicle_id
       join regions r on r.id = v.region_id
       join parking_sessions p on p.vehicle_id = v.id and p.unplugged_at is null
     where r.cell_id = $1`,
    [cellId],
  );
  const feeders = await database.query<{ id: string; habit: unknown }>(
    `select h.feeder_id as id, h.habit from feeder_habits h join feeders f on f.id = h.feeder_id
       join regions r on r.id = f.region_id
     where r.cell_id = $1`,
    [cellId],
  );
  const byId = (rows: typeof cars) => new Map(rows.map(({ id, habit }) => [id, read(habit)]));
  return { cars: byId(cars), feeders: byId(feeders) };
}
