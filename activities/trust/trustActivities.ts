import type { TrustActivities } from '../../domain/activities/trustActivities.ts';
import { checkShards } from './checkShards.ts';
import { correctBatch } from './correctBatch.ts';
import { recallWork } from './recallWork.ts';
import type { TrustPorts } from './trustPorts.ts';

export function createTrustActivities(ports: TrustPorts): TrustActivities {
  return {
    checkShards: (request) => checkShards(ports, request),
    recallWork: (request) => recallWork(ports, request),
    correctBatch: (request) => correctBatch(ports, request),
  };
}
