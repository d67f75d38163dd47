import type { Client } from '@temporalio/client';
import type { Cell } from '../../store/cells.ts';
import { cellTaskQueue, CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { Database } from '../../store/database.ts';
import { listConnections } from '../../store/openAdrConnections.ts';
import { listRegions } from '../../store/regions.ts';
import type { coSchedule } from '../../workflows/coSchedule.ts';
import type { jobDivision } from '../../workflows/jobDivision.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import { startRegion } from '../process/startRegion.ts';
import { startVen } from '../process/startVen.ts';

/** Real time before a slot at which its plan is made: solving, storing and publishing take well under this. */
const PLAN_LEAD_REAL_MS = 1200;
const DEBOUNCE_REAL_MS = 300;

/** Sees to it that the cell, its regions and its utilities have their workflows. Those that run are left alone. */
export async function startCellWorkflows(client: Client, database: Database, cell: Cell): Promise<void> {
  const { id: cellId, clock, slotMinutes } = cell;
  await client.workflow.start<typeof coSchedule>('coSchedule', {
    taskQueue: cellTaskQueue(cellId),
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowId: workflowIds.cell(cellId),
    args: [{ cellId, clock, slotMinutes, leadRealMs: PLAN_LEAD_REAL_MS, debounceRealMs: DEBOUNCE_REAL_MS }],
    staticSummary: `Plans cell ${cellId}, every ${slotMinutes} minutes and at events`,
    typedSearchAttributes: [{ key: attributes.cellId, value: cellId }],
  });
  await client.workflow.start<typeof jobDivision>('jobDivision', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowId: workflowIds.division(cellId),
    args: [{ cellId, clock, slotMinutes }],
    staticSummary: `Divides the jobs of cell ${cellId} among the cells that may run them`,
    typedSearchAttributes: [{ key: attributes.cellId, value: cellId }],
  });
  for (const region of await listRegions(database, cellId)) await startRegion(client, cell, region);
  for (const { id } of await listConnections(database, cellId)) await startVen(client, cell, id);
}
