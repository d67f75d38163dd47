import type { Client } from '@temporalio/client';
import { MINUTE_MS } from '../../domain/durations.ts';
import { cellTaskQueue, workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import type { Region } from '../../store/regions.ts';
import type { gridRegion } from '../../workflows/gridRegion.ts';
import { attributes } from '../../workflows/searchAttributes.ts';

/** Sees to it that the region's signals are followed; a workflow that runs is left alone. */
export async function startRegion(
  client: Client,
  { id: cellId, clock, slotMinutes }: Cell,
  { id: regionId, timeZone }: Pick<Region, 'id' | 'timeZone'>,
): Promise<void> {
  await client.workflow.start<typeof gridRegion>('gridRegion', {
    taskQueue: cellTaskQueue(cellId),
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowId: workflowIds.region(regionId),
    args: [{ regionId, cellId, timeZone, clock, pollEveryMs: slotMinutes * MINUTE_MS }],
    staticSummary: `Grid signals of ${regionId}`,
    typedSearchAttributes: [
      { key: attributes.cellId, value: cellId },
      { key: attributes.regionId, value: regionId },
    ],
  });
}
