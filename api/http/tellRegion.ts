import type { RegionTeller } from './ports.ts';

/**
 * Tells a region's cars of import limits that were stored, then its workflow. Cars first: they must not wait for a
 * workflow, nor for a plan. The plan follows also where the cars could not be told.
 * @throws NightshiftError `unavailable`
 */
export async function tellRegion(regions: RegionTeller, regionId: string): Promise<void> {
  try {
    await regions.followLimits(regionId);
  } finally {
    await regions.signalsPushed(regionId);
  }
}
