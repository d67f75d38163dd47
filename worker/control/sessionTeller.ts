import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { PlanPorts } from '../../activities/plan/planActivities.ts';
import { setpointPlanned } from '../../workflows/messages.ts';
import { reached } from '../process/reached.ts';

/** Tells `parkingSession` workflows; a stay that has ended meanwhile needs no telling. */
export function sessionTellerOver(client: Client): PlanPorts['tellSession'] {
  return (setpoint) =>
    reached(
      client.workflow.getHandle(setpoint.sessionId).signal(setpointPlanned, setpoint),
      WorkflowNotFoundError.name,
    );
}
