import { setTimeout as sleep } from 'node:timers/promises';
import type { Proxies, World } from '../world.ts';

/** Cuts one off for a while: `refuse` breaks connections and takes none, `silence` lets them hang. */
export async function cutOff(
  { proxies }: World,
  target: keyof Proxies,
  manner: 'refuse' | 'silence',
  lastsMs: number,
): Promise<void> {
  proxies[target].set(manner);
  try {
    await sleep(lastsMs);
  } finally {
    proxies[target].set('open');
  }
}
