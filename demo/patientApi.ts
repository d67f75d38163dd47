import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../api/client/apiClient.ts';
import { MINUTE_MS } from '../domain/durations.ts';
import { NightshiftError } from '../domain/errors.ts';

const RETRY_EVERY_REAL_MS = 250;

/**
 * The API for a night, which goes on while its API process is restarted: a call that finds nobody is made again for a
 * minute. All that a night asks for is the same when it is asked for twice.
 */
export class PatientApiClient extends ApiClient {
  override async call(path: string, init: Parameters<ApiClient['call']>[1] = {}): Promise<Response> {
    const giveUpAtRealMs = Date.now() + MINUTE_MS;
    for (;;) {
      try {
        return await super.call(path, init);
      } catch (error) {
        const isAway = error instanceof NightshiftError && error.code === 'unavailable';
        if (!isAway || Date.now() > giveUpAtRealMs) throw error;
        await sleep(RETRY_EVERY_REAL_MS, undefined, { ...(init.signal && { signal: init.signal }) });
      }
    }
  }
}
