import type { TrainingActivities } from '../../domain/activities/trainingActivities.ts';
import { setTrainingState } from '../../store/trainingRuns.ts';
import { closeRound } from './closeRound.ts';
import { openRound } from './openRound.ts';
import { advanceOwnRound } from './ownRounds.ts';
import { prepareRun } from './prepareRun.ts';
import type { TrainingPorts } from './trainingPorts.ts';

export function createTrainingActivities(ports: TrainingPorts): TrainingActivities {
  return {
    prepareRun: ({ runId }) => prepareRun(ports, runId),
    openRound: ({ runId, round }) => openRound(ports, runId, round),
    advanceRound: ({ runId, round, phase }) => advanceOwnRound(ports, runId, round, phase),
    closeRound: ({ runId, round }) => closeRound(ports, runId, round),
    recordTrainingState: ({ runId, state, message }) => setTrainingState(ports.database, runId, state, message),
  };
}
