import type { Client } from '@temporalio/client';
import { feedListSchema } from '../../activities/grid/feeds/feedConfig.ts';
import type { RegionKeeper } from '../../api/http/ports.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import type { Cell } from '../../store/cells.ts';
import { startRegion } from '../process/startRegion.ts';

/** Checks feeds as the cell file's are, and starts `gridRegion` workflows. */
export function regionKeeperOver(client: Client, cell: Cell): RegionKeeper {
  return {
    checkedFeeds(feeds) {
      const parsed = feedListSchema.safeParse(feeds);
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      const field = ['feeds', ...(issue?.path ?? [])].join('.');
      throw new NightshiftError('invalid_request', `${field}: ${issueText(issue)}.`, { field });
    },
    async start(region) {
      try {
        await startRegion(client, cell, region);
      } catch (cause) {
        const message = 'The region is stored, but Temporal does not answer: it is followed from the next start on.';
        throw new NightshiftError('unavailable', message, { cause });
      }
    },
  };
}
