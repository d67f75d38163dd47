import { join } from 'node:path';

import { afterAll } from 'vitest';

import type { Database } from '../../store/database.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import { createLiveExecutor, type LiveExecutor } from '../../inference/liveExecutor.ts';
import { useApi, type ApiHarness } from './apiHarness.ts';

/** The API of `useApi`, whose live requests are answered by real runners. Call at top level. */
export function useLiveApi(database: Database): ApiHarness {
  let live: LiveExecutor | undefined;
  const api = useApi(database, {
    live: (folder) => (live = createLiveExecutor({ folder: join(folder, 'live'), objects: createFileStore(folder) })),
  });
  afterAll(() => live?.close());
  return api;
}
