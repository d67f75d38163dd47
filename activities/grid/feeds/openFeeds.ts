import { resolve } from 'node:path';
import { z } from 'zod';
import type { Region } from '../../../store/regions.ts';
import type { GridFeed } from './feed.ts';
import { createFileFeed } from './fileFeed.ts';

/** How a region names its feeds in the cell file. One member per adapter. */
export const feedConfigSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), path: z.string().min(1) }),
]);

/** The feeds of a region. Relative paths are meant from `folder`. */
export function openFeeds(region: Pick<Region, 'id' | 'feeds'>, folder: string): GridFeed[] {
  return z
    .array(feedConfigSchema)
    .parse(region.feeds)
    .map((feed) => createFileFeed(region.id, resolve(folder, feed.path)));
}
