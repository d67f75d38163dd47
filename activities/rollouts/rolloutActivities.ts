import { createHash } from 'node:crypto';

import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import type { RolloutActivities } from '../../domain/activities/rolloutActivities.ts';
import { DAY_MS } from '../../domain/durations.ts';
import type { JournalReason } from '../../domain/journal.ts';
import { workflowIds } from '../../domain/names.ts';
import { drawCars } from '../../domain/rollouts/drawCars.ts';
import { regressions } from '../../domain/rollouts/judgeVersions.ts';
import type { Rollout } from '../../domain/workflows/modelRollout.ts';
import { removeReleaseOrders } from '../../store/agentReleases.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { appendJournal } from '../../store/journal.ts';
import { removeModelOrders } from '../../store/modelOrders.ts';
import { readModel, serveNextVersion, serveVersion } from '../../store/models.ts';
import {
  addRolloutCars,
  countRolloutJobs,
  decideStoredRollout,
  endRollout,
  listEligibleCars,
  listRolloutCars,
  readVersionFailures,
  recordRolloutStatus,
} from '../../store/rollouts.ts';
import { deliverRelease, isAgentRelease, watchRelease } from './agentRollout.ts';
import { beginComparison, readComparison } from './comparison.ts';
import { orderDownloads } from './orderDownloads.ts';
import type { RolloutPorts } from './rolloutPorts.ts';

/** Ahead of which downloads are ordered; what finds no place within is asked about again at the next look. */
const DOWNLOADS_AHEAD_MS = DAY_MS;
const BYTES_PER_MB = 1e6;
/** Of a version's shards, before their failures say anything. */
const MIN_WATCHED_SHARDS = 5;
/** Measured shards of a class, before their speed says anything. */
const MIN_SPEED_SAMPLES = 3;

export function createRolloutActivities(ports: RolloutPorts): RolloutActivities {
  const { database } = ports;
  const gridNow = async ({ cellId }: Pick<Rollout, 'cellId'>): Promise<number> =>
    Math.round(await ports.gridNowMs(cellId));
  return {
    async deliverWave({ rollout, wave: index }) {
      const wave = rollout.spec.waves[index];
      if (wave && isAgentRelease(rollout)) return deliverRelease(ports, rollout, wave, placeIn(rollout));
      const model = await readModel(database, DEFAULT_TENANT, rollout.name, rollout.version);
      if (!wave || !model) throw new Error(`wave ${index} of ${rollout.name} ${rollout.version} is not there`);
      const eligible = await listEligibleCars(database, rollout);
      const before = new Set((await listRolloutCars(database, rollout)).map((car) => car.vehicleId));
      const { target, drawn } = drawCars(wave, eligible, before, placeIn(rollout));
      await addRolloutCars(database, rollout.id, index, drawn);
      const cars = await listRolloutCars(database, rollout);
      const nowMs = await gridNow(rollout);
      const places = new Map(eligible.map((car) => [car.vehicleId, car]));
      await orderDownloads(
        database,
        model,
        cars.flatMap(({ vehicleId }) => places.get(vehicleId) ?? []),
        {
          reason: `roll-out of ${rollout.name} ${rollout.version}`,
          budgetBytes: rollout.spec.download.mb_per_feeder_hour * BYTES_PER_MB,
          offPeakOnly: rollout.spec.download.off_peak_only,
          nowMs,
          untilMs: nowMs + DOWNLOADS_AHEAD_MS,
        },
      );
      return { target, drawn: cars.length, holding: cars.filter(({ holds }) => holds).length };
    },
    beginComparison: (request) => beginComparison(ports, request),
    readComparison: (request) => readComparison(ports, request),
    serveShare: ({ rollout: { name, version }, share }) => serveNextVersion(database, { name, version, share }),
    watchVersion: ({ rollout }) => (isAgentRelease(rollout) ? watchRelease : watchVersion)(ports, rollout),
    async decideRollout({ rollout, status }) {
      const { id, name, version, previousVersion } = rollout;
      const atMs = await gridNow(rollout);
      await database.transaction(async (tx) => {
        if (!(await decideStoredRollout(tx, id, atMs))) return;
        await serveVersion(tx, name, status.outcome === 'completed' ? version : previousVersion);
        if (isAgentRelease(rollout)) await removeReleaseOrders(tx, Number(version));
        else if (status.outcome !== 'completed') await removeModelOrders(tx, { name, version });
      });
    },
    async drainRollout({ rollout }) {
      const jobs = await countRolloutJobs(database, rollout.family);
      if (jobs === 0) await endRollout(database, rollout.id, await gridNow(rollout));
      return jobs;
    },
    async noteRollout({ rollout, status, tell }) {
      const atMs = await gridNow(rollout);
      const { name, version } = rollout;
      const subject = workflowIds.rollout(name, version);
      await database.transaction(async (tx) => {
        await recordRolloutStatus(tx, rollout.id, status);
        if (!tell) return;
        const { phase, paused, wave, text, reasons, outcome } = status;
        const message = `${name} ${version}, wave ${wave + 1} of ${status.waves}: ${text}`;
        const dedupeKey = `rollout/${rollout.id}/${wave}/${phase}/${paused}/${outcome ?? ''}/${status.sinceMs}`;
        await appendJournal(tx, rollout.cellId, [{ atMs, kind: 'rollout', subject, message, reasons, dedupeKey }]);
      });
    },
  };
}

/** Another order of cars for each roll-out. */
function placeIn({ id }: Rollout): (vehicleId: string) => string {
  return (vehicleId) => createHash('sha256').update(`${id}/${vehicleId}`).digest('hex');
}

/** What tenants' own batches show: attempts that fail more often, and classes that are slower. */
async function watchVersion({ database }: RolloutPorts, rollout: Rollout): Promise<readonly JournalReason[]> {
  const { name, version, previousVersion, spec } = rollout;
  const [next, present] = [
    await readVersionFailures(database, name, version),
    await readVersionFailures(database, name, previousVersion),
  ];
  const rateOf = ({ shards, failures }: typeof next): number => failures / Math.max(1, shards + failures);
  const moreCrashes = next.shards + next.failures < MIN_WATCHED_SHARDS ? null : rateOf(next) - rateOf(present);
  const speeds = (await listClassSpeeds(database)).filter(
    (speed) => speed.modelName === name && speed.measuredMsPerUnit.length >= MIN_SPEED_SAMPLES,
  );
  const ratios = speeds
    .filter(({ modelVersion }) => modelVersion === version)
    .flatMap((speed) => {
      const before = speeds.find(
        (each) => each.modelVersion === previousVersion && each.hardwareClass === speed.hardwareClass,
      );
      return before ? [speed.deviceMsPerUnit / before.deviceMsPerUnit] : [];
    });
  const slower = ratios.length === 0 ? null : Math.max(...ratios);
  return regressions({ disagreement: null, moreCrashes, slower, energy: null }, spec.limits);
}
