import type { WaveDelivery } from '../../domain/activities/rolloutActivities.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import { grouped } from '../../domain/grouped.ts';
import type { JournalReason } from '../../domain/journal.ts';
import { AGENT_RELEASE } from '../../domain/names.ts';
import { drawCars } from '../../domain/rollouts/drawCars.ts';
import type { RolloutWave } from '../../domain/rollouts/rolloutSpec.ts';
import type { Rollout } from '../../domain/workflows/modelRollout.ts';
import { listReleaseCars, orderRelease, type ReleaseCar } from '../../store/agentReleases.ts';
import type { RolloutPorts } from './rolloutPorts.ts';

/** Of a region's cars that may be under way to a release at once: the others go on with the region's work. */
const MAX_SHARE_UNDER_WAY = 0.25;
/** Real time; agents say what they run each minute. */
const PRESENT_WITHIN_MS = 10 * MINUTE_MS;

export function isAgentRelease({ name }: Pick<Rollout, 'name'>): boolean {
  return name === AGENT_RELEASE;
}

/** Tells cars of the wave to use the release, few of a region at a time. */
export async function deliverRelease(
  { database, now }: Pick<RolloutPorts, 'database' | 'now'>,
  { cellId, version, spec }: Rollout,
  wave: RolloutWave,
  placeOf: (vehicleId: string) => string,
): Promise<WaveDelivery> {
  const cars = await listReleaseCars(database, cellId, Number(version), now() - PRESENT_WITHIN_MS);
  const told = cars.filter(isTold);
  const { target, drawn } = drawCars(wave, cars, new Set(told.map(({ vehicleId }) => vehicleId)), placeOf);
  const chosen = withinRegions(cars, drawn);
  await orderRelease(database, Number(version), chosen);
  return {
    target,
    drawn: told.length + chosen.length,
    holding: told.filter(({ holds }) => holds).length,
    reasons: returnedReasons(told, spec.limits.crashes),
  };
}

/** What cars on the release show that is beyond the limits. */
export async function watchRelease(
  { database, now }: Pick<RolloutPorts, 'database' | 'now'>,
  { cellId, version, spec }: Rollout,
): Promise<readonly JournalReason[]> {
  const cars = await listReleaseCars(database, cellId, Number(version), now() - PRESENT_WITHIN_MS);
  return returnedReasons(cars.filter(isTold), spec.limits.crashes);
}

function isTold({ ordered, holds }: ReleaseCar): boolean {
  return ordered || holds;
}

/** Of those drawn, as many as their regions can do without; of a small region one at a time. */
function withinRegions(cars: readonly ReleaseCar[], drawn: readonly string[]): string[] {
  return [...grouped(cars, ({ regionId }) => regionId)].flatMap(([, inRegion]) => {
    const most = Math.max(1, Math.floor(MAX_SHARE_UNDER_WAY * inRegion.length));
    const underWay = inRegion.filter(({ ordered, holds, failed }) => ordered && !holds && !failed).length;
    const ids = new Set(inRegion.map(({ vehicleId }) => vehicleId));
    return drawn.filter((id) => ids.has(id)).slice(0, Math.max(0, most - underWay));
  });
}

function returnedReasons(told: readonly ReleaseCar[], limit: number): JournalReason[] {
  const failed = told.filter((car) => car.failed).length;
  const share = told.length === 0 ? 0 : failed / told.length;
  if (share <= limit) return [];
  const value = Math.round(share * 1_000) / 1_000;
  return [
    { code: 'rollout_returned', text: 'of the cars went back to the release before, or may not use it', value, limit },
  ];
}
