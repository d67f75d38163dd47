import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { RegionTeller } from '../../api/http/deps.ts';
import { workflowIds } from '../../domain/names.ts';
import { signalsPushed } from '../../workflows/messages.ts';
import { reached } from './reached.ts';

/** Tells `gridRegion` workflows. A region that has not started yet reads what is stored when it does. */
export function regionTellerOver(client: Client): RegionTeller {
  return {
    async signalsPushed(regionId) {
      const region = client.workflow.getHandle(workflowIds.region(regionId));
      await reached(region.signal(signalsPushed), WorkflowNotFoundError.name);
    },
  };
}
