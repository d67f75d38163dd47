import pLimit from 'p-limit';

import type { VehicleLink } from '../../charging/vehicleLink.ts';
import { DAY_MS } from '../../domain/durations.ts';
import { grouped } from '../../domain/grouped.ts';
import type { ModelOrder } from '../../domain/modelOrders.ts';
import { topics } from '../../domain/names.ts';
import type { Database } from '../../store/database.ts';
import { listOpenModelOrders, listPublishedOrders, setOrderPublished } from '../../store/modelOrders.ts';
import { listRolloutFamilies } from '../../store/rollouts.ts';
import { listVehicles } from '../../store/vehicles.ts';
import type { JobPorts } from '../jobs/jobPorts.ts';

export interface ModelOrderPorts {
  readonly database: Database;
  readonly vehicles: VehicleLink;
  readonly carAccess: JobPorts['carAccess'];
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}

const PUBLISHED_AT_ONCE = 100;
/** Real time for which a car may use its order: the next plan sends a new one. */
const ACCESS_REAL_MS = DAY_MS;

/**
 * Puts onto the cars of the cell, as retained messages, what they are to fetch and whose queues they may poll. A car that
 * has neither any more is told so once.
 */
export async function publishModelOrders(
  { database, vehicles, carAccess, now }: ModelOrderPorts,
  cellId: string,
  nowMs: number,
): Promise<void> {
  const cars = new Map((await listVehicles(database, cellId)).map(({ id, modelFamilies }) => [id, modelFamilies]));
  const families = await listRolloutFamilies(database, cellId);
  const orders = grouped(await listOpenModelOrders(database, nowMs), ({ vehicleId }) => vehicleId);
  const asked = new Set([...cars.keys()].filter((id) => families.has(id) || orders.has(id)));
  const published = new Set(await listPublishedOrders(database, cellId));
  const oneOfFew = pLimit(PUBLISHED_AT_ONCE);
  await oneOfFew.map(asked.values(), async (vehicleId) => {
    const order: ModelOrder = {
      issuedAtMs: nowMs,
      families: [...(families.get(vehicleId) ?? [])],
      models: (orders.get(vehicleId) ?? []).slice(0, MAX_MODELS).map(({ name, version, sha256, fromMs, untilMs }) => ({
        model: { name, version, sha256, family: cars.get(vehicleId)?.[0] ?? '' },
        access: { url: carAccess.url, token: tokenFor(vehicleId, { name, version, sha256 }) },
        fromMs,
        untilMs,
      })),
    };
    await vehicles.publish(topics.models(vehicleId), order, { retain: true });
    if (!published.has(vehicleId)) await setOrderPublished(database, vehicleId, true);
  });
  await oneOfFew.map(
    [...published].filter((id) => !asked.has(id)),
    async (vehicleId) => {
      await vehicles.withdraw(topics.models(vehicleId));
      await setOrderPublished(database, vehicleId, false);
    },
  );

  function tokenFor(vehicleId: string, model: { name: string; version: string; sha256: string }): string {
    const realMs = now();
    return carAccess.signer.sign({
      // Of no job: the token covers the model's files alone.
      jobId: 'none',
      shard: 0,
      modelOnly: true,
      model,
      expiresRealMs: realMs + ACCESS_REAL_MS,
      car: { vehicleId, handedOutRealMs: realMs },
    });
  }
}

const MAX_MODELS = 64;
