import type { Grant } from '../../scheduler/plan.ts';
import type { Region } from '../../scheduler/problem.ts';
import { slotStartMs, type SlotAxis } from '../../scheduler/time.ts';

/** Grid time during which a plan lets a job run in a region, and what the grid is like there then. */
export interface PlannedWindow {
  readonly start: string;
  readonly end: string;
  readonly region: string;
  readonly shards: number;
  readonly price_eur_per_kwh: number;
  readonly gco2_per_kwh: number;
}

/** The job's grants as windows: adjoining slots of a region are one, with the mean of its prices by shards. */
export function plannedWindows(
  slots: SlotAxis,
  grants: readonly Grant[],
  regions: readonly Pick<Region, 'id' | 'priceEurPerKwh' | 'carbonGPerKwh'>[],
  jobId: string,
): PlannedWindow[] {
  const open = new Map<string, { from: number; until: number; shards: number; eur: number; grams: number }>();
  const windows: { region: string; from: number; until: number; shards: number; eur: number; grams: number }[] = [];
  for (const grant of grants.filter((candidate) => candidate.jobId === jobId).toSorted((a, b) => a.slot - b.slot)) {
    const region = regions.find(({ id }) => id === grant.regionId);
    const eur = (region?.priceEurPerKwh[grant.slot] ?? 0) * grant.shards;
    const grams = (region?.carbonGPerKwh[grant.slot] ?? 0) * grant.shards;
    const last = open.get(grant.regionId);
    if (last && last.until >= grant.slot) {
      last.until = grant.slot + 1;
      last.shards += grant.shards;
      last.eur += eur;
      last.grams += grams;
    } else {
      const window = {
        region: grant.regionId,
        from: grant.slot,
        until: grant.slot + 1,
        shards: grant.shards,
        eur,
        grams,
      };
      windows.push(window);
      open.set(grant.regionId, window);
    }
  }
  return windows.map(({ region, from, until, shards, eur, grams }) => ({
    start: new Date(slotStartMs(slots, from)).toISOString(),
    end: new Date(slotStartMs(slots, until)).toISOString(),
    region,
    shards,
    price_eur_per_kwh: rounded(eur / shards, 4),
    gco2_per_kwh: rounded(grams / shards, 1),
  }));
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Of energy and emissions for some tokens, as for 1,000 of them; null for none. */
export function per1000Tokens(
  energyWh: number,
  gCo2: number,
  tokens: number,
): { energy_wh: number; gco2: number } | null {
  if (tokens <= 0) return null;
  return { energy_wh: rounded((energyWh * 1_000) / tokens, 6), gco2: rounded((gCo2 * 1_000) / tokens, 6) };
}
