import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreFault } from '../../support/fakeS3.ts';
import type { World } from '../world.ts';

/** The object store refuses writes for a while. */
export async function storeFault({ store }: World, fault: StoreFault, lastsMs: number): Promise<void> {
  store.setFault(fault);
  try {
    await sleep(lastsMs);
  } finally {
    store.setFault(undefined);
  }
}
