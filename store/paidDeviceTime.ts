import { instant, type Queryable } from './database.ts';

/**
 * Takes device time that a car claims out of the time that it can have computed in: not before `fromMs`, not after
 * `nowMs`, and none twice. To be called in the transaction that pays for it.
 * @returns how much of it is paid, milliseconds of grid time
 */
export async function takeDeviceTime(
  db: Queryable,
  claim: { readonly vehicleId: string; readonly deviceMs: number; readonly fromMs: number; readonly nowMs: number },
): Promise<number> {
  const { vehicleId, deviceMs, fromMs, nowMs } = claim;
  await db.query(
    'insert into paid_device_time (vehicle_id, paid_until) values ($1, $2) on conflict (vehicle_id) do nothing',
    [vehicleId, instant(fromMs)],
  );
  const [known] = await db.query<{ paidUntilMs: number }>(
    'select paid_until as "paidUntilMs" from paid_device_time where vehicle_id = $1 for update',
    [vehicleId],
  );
  const startMs = Math.max(fromMs, known?.paidUntilMs ?? fromMs);
  const paidMs = Math.max(0, Math.min(deviceMs, nowMs - startMs));
  await db.query('update paid_device_time set paid_until = greatest(paid_until, $2) where vehicle_id = $1', [
    vehicleId,
    instant(startMs + paidMs),
  ]);
  return paidMs;
}
