import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { EmergencyShed } from '../../activities/grid/emergencyShed.ts';
import type { RegionTeller } from '../../api/http/ports.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import { signalsPushed } from '../../workflows/messages.ts';
import { reached } from '../process/reached.ts';

/**
 * Tells cars over MQTT, and `gridRegion` workflows. A region that has not started yet reads what is stored when it does.
 */
export function regionTellerOver(client: Client, cell: Cell, shed: EmergencyShed): RegionTeller {
  return {
    async followLimits(regionId) {
      try {
        await shed.follow({ regionId, nowMs: gridTimeMs(cell.clock, Date.now()) });
      } catch (cause) {
        throw new NightshiftError('unavailable', 'The limits are stored, but cars could not be told.', { cause });
      }
    },
    async signalsPushed(regionId) {
      const region = client.workflow.getHandle(workflowIds.region(regionId));
      await reached(region.signal(signalsPushed), WorkflowNotFoundError.name);
    },
  };
}
