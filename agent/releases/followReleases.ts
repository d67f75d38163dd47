import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ApiClient } from '../../api/client/apiClient.ts';
import { wantedReleaseSchema } from '../../api/wire/agentReleases.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import { ReleaseRefusal } from '../../domain/agentReleases.ts';
import type { AgentConfig } from '../agentConfig.ts';
import { fetchManifest, fetchRelease } from './fetchRelease.ts';
import { freeSlot, readSlots, slotFolder, staged, writeSlots } from './slots.ts';

const ASK_EVERY_MS = MINUTE_MS;

export interface FollowOptions {
  readonly config: Pick<AgentConfig, 'api' | 'key' | 'stateDir'> & {
    readonly releases: NonNullable<AgentConfig['releases']>;
  };
  /** Of the installation: what is alike is copied from the release that runs. */
  readonly baseFolder: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly askEveryMs?: number;
}

/**
 * Says which release runs here, asks which one should, and puts that beside it. Resolves when the agent is to end for
 * its next release.
 */
export async function followReleases({
  config,
  baseFolder,
  log,
  signal,
  askEveryMs = ASK_EVERY_MS,
}: FollowOptions): Promise<void> {
  const { stateDir, releases } = config;
  const api = new ApiClient(config.api, config.key);
  /** Told once: it is asked about again each minute. */
  let refused: number | undefined;
  for (; ; await sleep(askEveryMs, undefined, { signal })) {
    const state = await readSlots(stateDir);
    // This is the release that is tried: until there is a verdict, it is nothing that the cell should hear of.
    if (state.trial !== null) continue;
    let wanted: number | null = null;
    try {
      const { version, failed, highest } = state;
      const said = { version, failed: failed.slice(-MAX_FAILED_TOLD), refused: refused ?? null };
      wanted = wantedReleaseSchema.parse(await api.json('POST', '/cars/v1/release', said)).wanted;
      if (wanted === null || wanted <= version || failed.includes(wanted) || wanted === refused) continue;
      const trust = { ...releases, highest, nowMs: Date.now() };
      const release = await fetchManifest(api, wanted, trust);
      const present = state.active === 'base' ? baseFolder : slotFolder(stateDir, state.active);
      const bytes = await fetchRelease(api, release, slotFolder(stateDir, freeSlot(state)), present, signal);
      await writeSlots(stateDir, staged(state, release));
      log.info({ version: release.version, bytes }, 'the next release lies ready');
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ReleaseRefusal) refused = wanted ?? undefined;
      log.warn({ err: error, wanted }, 'the next release could not be fetched');
    }
  }
}

const MAX_FAILED_TOLD = 100;
