import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mkdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { AgentConfig } from '../agentConfig.ts';
import { readAgentSettings } from '../carDoors.ts';
import { checkDoors } from '../checkHost.ts';
import { credentialsOf } from '../hostAgent.ts';
import { probeComputer } from '../probe.ts';

const TRY_AGAIN_MS = 5_000;

/**
 * Resolves once this program has reached the API, the gateway and the broker with the car's key and has run a network:
 * all that a car needs to take shards. Tries until the signal ends it.
 */
export async function proveHealth(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const findings = await checkDoors(config, await readAgentSettings(credentialsOf(config)));
      const bad = findings.find(({ ok }) => !ok);
      if (bad) throw new Error(`${bad.what}: ${bad.found}`);
      const folder = join(config.stateDir, 'probe');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Once: nothing may be drawn for long outside the plan.
      await probeComputer(folder, { executionProvider: config.execution.provider }, undefined, 0);
      return;
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error }, 'this release is not healthy yet');
      await sleep(TRY_AGAIN_MS, undefined, { signal });
    }
  }
}
