import type { GridEmergency, RegionSummary } from '../workflows/gridRegion.ts';

/** What `gridRegion` asks for. Instants are grid time in epoch milliseconds. */
export interface GridActivities {
  /**
   * Reads all feeds of a region and stores what they say. A feed that hangs is given up in time.
   * @returns whether they said anything new
   */
  pollFeeds(request: { readonly regionId: string; readonly nowMs: number }): Promise<{ readonly changed: boolean }>;
  /** Sums up what is stored of a region, and tells cars of sheds anew. Asks no feed. */
  refreshRegion(request: { readonly regionId: string; readonly nowMs: number }): Promise<RegionSummary>;
  /**
   * Stores an emergency as import limits of 0 on its feeders and tells their cars.
   * @returns the feeders that shed
   */
  limitForEmergency(request: {
    readonly regionId: string;
    readonly cellId: string;
    readonly emergency: GridEmergency;
  }): Promise<string[]>;
  /** Writes into the journal that an off-peak window opens or closes now. */
  announceWindow(request: {
    readonly regionId: string;
    readonly cellId: string;
    readonly region: RegionSummary;
    readonly nowMs: number;
  }): Promise<void>;
}
