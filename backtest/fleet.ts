import { HOUR_MS } from '../domain/durations.ts';
import { derivedSeed } from '../simulator/random.ts';
import type { Stay } from './traces/sessions.ts';

/** What a charger gives and what the car behind it accepts at least. */
export interface ChargerClass {
  readonly maxKw: number;
  readonly minKw: number;
}

/**
 * Sessions do not name the charger. A user has the smallest of these that could have given the highest mean power seen
 * in any of the user's stays. 16 A and 32 A on one phase, 16 A on three; least power is 6 A.
 */
const CHARGER_CLASSES: readonly ChargerClass[] = [
  { maxKw: 3.7, minKw: 1.38 },
  { maxKw: 7.4, minKw: 1.38 },
  { maxKw: 11, minKw: 4.14 },
];
/** Supply is up to a tenth above its nominal voltage, so a class gives a little more than its name says. */
const CLASS_TOLERANCE = 1.06;

/** Wall to battery; cancels out of cost and carbon, since need is taken from energy at the plug. */
export const CHARGER_EFFICIENCY = 0.89;

/** Classes of computer by which users are drawn, and how long a shard takes there. */
export const FLEET_CLASSES = [
  { id: 'hw3', share: 0.4, shardMinutes: 30 },
  { id: 'ai4', share: 0.4, shardMinutes: 15 },
  { id: 'ai5', share: 0.2, shardMinutes: 5 },
] as const;

export interface Equipment {
  readonly charger: ChargerClass;
  readonly hardwareClass: string;
}

/** The charger and computer of every user. */
export function equipmentOf(stays: readonly Stay[], seed: number): ReadonlyMap<string, Equipment> {
  const highestKw = new Map<string, number>();
  for (const { userId, energyKwh, pluggedInMs, pluggedOutMs } of stays) {
    const meanKw = energyKwh / ((pluggedOutMs - pluggedInMs) / HOUR_MS);
    highestKw.set(userId, Math.max(highestKw.get(userId) ?? 0, meanKw));
  }
  return new Map(
    [...highestKw].map(([userId, kw]) => [userId, { charger: chargerFor(kw), hardwareClass: drawClass(seed, userId) }]),
  );
}

/** @throws RangeError for a user whom `equipmentOf` was not told of */
export function equipmentFor(
  { equipment }: { readonly equipment: ReadonlyMap<string, Equipment> },
  { userId }: Pick<Stay, 'userId'>,
): Equipment {
  const found = equipment.get(userId);
  if (!found) throw new RangeError(`No equipment is known for user ${userId}.`);
  return found;
}

function chargerFor(highestKw: number): ChargerClass {
  const [smallest, ...larger] = CHARGER_CLASSES;
  let chosen = smallest ?? { maxKw: highestKw, minKw: 0 };
  for (const candidate of larger) if (highestKw > chosen.maxKw * CLASS_TOLERANCE) chosen = candidate;
  return { ...chosen, maxKw: Math.max(chosen.maxKw, highestKw) };
}

function drawClass(seed: number, userId: string): string {
  let left = derivedSeed(seed, userId) / 2 ** 32;
  for (const { id, share } of FLEET_CLASSES) {
    if (left < share) return id;
    left -= share;
  }
  return FLEET_CLASSES[0].id;
}

/**
 * What the cars of a site may draw together: a share of all its chargers, and never less than its largest one. Houses
 * are not in the sessions, so this is what they leave.
 */
export function siteLimitsKw(
  stays: readonly Stay[],
  equipment: ReadonlyMap<string, Equipment>,
  feederShare: number,
): ReadonlyMap<string, number> {
  const users = new Map<string, Set<string>>();
  for (const { siteId, userId } of stays) users.set(siteId, (users.get(siteId) ?? new Set()).add(userId));
  return new Map(
    [...users].map(([siteId, ids]) => {
      const chargersKw = [...ids].map((id) => equipment.get(id)?.charger.maxKw ?? 0);
      const sumKw = chargersKw.reduce((sum, kw) => sum + kw, 0);
      return [siteId, Math.max(feederShare * sumKw, ...chargersKw)];
    }),
  );
}
