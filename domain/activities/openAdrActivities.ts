import type { VenSync } from '../workflows/openAdrVen.ts';

/** What `openAdrVen` asks for. */
export interface OpenAdrActivities {
  /**
   * Synchronises with one utility: takes its events, puts what they mean into the region's signals, measures, and
   * sends the reports that are due. A server that fails is told in the result and changes nothing that is held.
   * @returns null when the connection is no longer configured
   */
  syncVtn(request: { readonly connectionId: string }): Promise<VenSync | null>;
}
