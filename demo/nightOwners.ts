import { realDelayUntilMs } from '../domain/clock.ts';
import type { NightFile } from './night/nightFile.ts';
import type { Cell } from '../store/cells.ts';
import type { Database } from '../store/database.ts';
import { readVehicle } from '../store/vehicles.ts';
import type { ApiClient } from '../api/client/apiClient.ts';

/**
 * Has owners say in the night what they want, over the owners' API. A stack that was killed and goes on says it again,
 * which changes nothing.
 * @returns ends it
 */
export function startNightOwners(night: NightFile, cell: Cell, api: ApiClient, database: Database): () => void {
  const timers = night.cars.flatMap(({ vin, optsOut }) => {
    if (!optsOut) return [];
    const optOut = async (): Promise<void> => {
      const vehicle = await readVehicle(database, vin);
      await api.json('PUT', `/fleet/v1/vehicles/${vin}/policy`, { ...vehicle?.policy, optOutUntilMs: optsOut.until });
    };
    // An API that is being restarted: the owner finds the app out of order, and the night goes on.
    return [
      setTimeout(() => void optOut().catch(() => undefined), realDelayUntilMs(cell.clock, optsOut.at, Date.now())),
    ];
  });
  return () => timers.forEach(clearTimeout);
}
