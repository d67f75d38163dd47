export { coSchedule } from './coSchedule.ts';
export { gridRegion } from './gridRegion.ts';
export { inferenceJob } from './inferenceJob.ts';
export { jobDivision } from './jobDivision.ts';
export { openAdrVen } from './openAdrVen.ts';
export { parkingSession } from './parkingSession.ts';
export { shardWave } from './shardWave.ts';
export { workRecall } from './workRecall.ts';
