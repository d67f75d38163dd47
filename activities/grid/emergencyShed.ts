import { withinTime } from '../../domain/withinTime.ts';
import { DAY_MS, HOUR_MS } from '../../domain/durations.ts';
import { topics } from '../../domain/names.ts';
import { shedOrders } from '../../domain/sheds.ts';
import type { Database } from '../../store/database.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { deleteShed, listSheds, lockSheds, upsertShed, type Shed } from '../../store/sheds.ts';
import { readSignals, type SignalSpan } from '../../store/signals.ts';
import { listFeederVehicleIds } from '../../store/vehicles.ts';
import type { VehicleLink } from '../../charging/vehicleLink.ts';

export interface EmergencyShed {
  /**
   * Brings the cars of a region in line with its import limits of 0: tells those of each feeder whose shed begins, ends
   * or changes, at once and past every plan. Called by whoever has stored a limit or an alert; what others do meanwhile
   * waits. `again` tells the cars of running sheds anew, for a broker that forgot.
   * @returns the feeders whose cars were told
   * @throws Error when the broker does not take the orders in time; the next call tells them
   */
  follow(request: { readonly regionId: string; readonly nowMs: number; readonly again?: boolean }): Promise<string[]>;
}

/** Sheds that begin later are told later; until then plans see them. */
const AHEAD_MS = HOUR_MS;
/** Far enough to find the end of any shed that is worth telling; a longer one is told again. */
const HORIZON_MS = DAY_MS;
const BROKER_PATIENCE_REAL_MS = 10_000;

export function createEmergencyShed(ports: {
  readonly database: Database;
  readonly vehicles: VehicleLink;
}): EmergencyShed {
  const { database, vehicles } = ports;

  const tell = async (feederId: string, shed: Omit<Shed, 'feederId'>): Promise<void> => {
    const orders = shedOrders(await listFeederVehicleIds(database, feederId), shed);
    const told = Promise.all(
      orders.map(({ vehicleId, order }) => vehicles.publish(topics.shed(vehicleId), order, { retain: true })),
    );
    const late = `the broker did not take the orders for ${feederId} within ${BROKER_PATIENCE_REAL_MS} ms`;
    await withinTime(BROKER_PATIENCE_REAL_MS, told, late);
  };

  return {
    async follow({ regionId, nowMs, again = false }) {
      return database.transaction(async (tx) => {
        // Two that tell would else leave on the broker whichever came last, not what is in force.
        await lockSheds(tx, regionId);
        const limits = await readSignals(tx, regionId, { startMs: nowMs, endMs: nowMs + HORIZON_MS }, ['import_limit']);
        const known = new Map((await listSheds(tx, regionId)).map((shed) => [shed.feederId, shed]));
        const issuedAtMs = Math.round(nowMs);
        const changed = (await listRegionFeeders(tx, regionId)).flatMap(({ id: feederId }) => {
          const before = known.get(feederId);
          const zero = nextZero(limits, feederId, nowMs);
          if (zero && zero.startMs <= nowMs + AHEAD_MS) {
            const isSame = before?.endMs === zero.endMs && before.startMs <= Math.max(zero.startMs, nowMs);
            const startMs = isSame ? before.startMs : Math.round(zero.startMs);
            return isSame && !again ? [] : [{ feederId, issuedAtMs, startMs, endMs: zero.endMs, isOver: false }];
          }
          if (!before) return [];
          // Over by itself when its time has passed: the cars end it by their own clocks.
          const endMs = Math.min(before.endMs, issuedAtMs);
          return [{ feederId, issuedAtMs, startMs: Math.min(before.startMs, endMs), endMs, isOver: true }];
        });
        await Promise.all(
          changed
            .filter(({ feederId, endMs }) => endMs !== known.get(feederId)?.endMs || again)
            .map(({ feederId, ...shed }) => tell(feederId, shed)),
        );
        for (const { isOver, ...shed } of changed) {
          await (isOver ? deleteShed(tx, shed.feederId) : upsertShed(tx, shed));
        }
        return changed.map(({ feederId }) => feederId);
      });
    },
  };
}

/** The first stretch from `fromMs` on in which some source limits the feeder to 0; a gap ends it. */
export function nextZero(
  limits: readonly SignalSpan[],
  feederId: string,
  fromMs: number,
): { readonly startMs: number; readonly endMs: number } | undefined {
  const zeros = limits
    .filter((span) => span.value === 0 && (span.feederId === null || span.feederId === feederId))
    .filter(({ endMs }) => endMs > fromMs)
    .toSorted((a, b) => a.startMs - b.startMs);
  const [first, ...others] = zeros;
  if (!first) return undefined;
  let { endMs } = first;
  for (const span of others) if (span.startMs <= endMs) endMs = Math.max(endMs, span.endMs);
  return { startMs: first.startMs, endMs };
}
