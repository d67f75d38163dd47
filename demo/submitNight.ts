import type { ApiClient } from '../api/client/apiClient.ts';
import { BatchClient } from '../api/client/batchClient.ts';
import type { NightFile } from './night/nightFile.ts';
import { saveNight, type NightState } from './nightState.ts';
import type { NightWork } from './work/nightWork.ts';

/**
 * Submits the night's batch as any submitter would. A stack that was killed at any point of it and goes on gets the
 * same batch again; another night in the same database gets its own.
 */
export async function submitNight(
  { stateDir, night, work, api }: NightToSubmit,
  state: NightState,
): Promise<NightState & { readonly batchId: string }> {
  const batches = new BatchClient(api);
  const fileId = state.fileId ?? (await batches.upload(work.batchFile));
  // Before the submission: with another file it would be another request under the same key, which is refused.
  const uploaded = { ...state, fileId };
  await saveNight(stateDir, uploaded);
  const batch = await batches.submit({
    input_file_id: fileId,
    endpoint: work.endpoint,
    completion_window: '24h',
    metadata: {
      'grid.deadline': new Date(night.batch.deadline).toISOString(),
      // The stack may be killed between the answer and our note of it.
      'grid.idempotency_key': `night-${night.scenario}-${state.incarnation}`,
    },
  });
  const submitted = { ...uploaded, batchId: batch.id };
  await saveNight(stateDir, submitted);
  return submitted;
}

export interface NightToSubmit {
  readonly stateDir: string;
  readonly night: { readonly scenario: string; readonly batch: Pick<NightFile['batch'], 'deadline'> };
  readonly work: Pick<NightWork, 'batchFile' | 'endpoint'>;
  readonly api: ApiClient;
}
