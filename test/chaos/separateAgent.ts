import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SITE_NODE } from '../support/siteNode.ts';
import { exchangeCode } from '../../agent/carDoors.ts';
import { enrolmentCodeSchema } from '../../api/wire/agents.ts';
import type { Stack } from '../e2e/support/stack.ts';
import { ROOMY_FEEDER } from './chaosNight.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A site node as `nightshift agent run` has it, started again whenever it ends. */
export class SeparateAgent {
  static readonly carId = 'chaos-node-1';
  readonly #configFile: string;
  #child: ChildProcess | undefined;
  #stopped = false;

  private constructor(configFile: string) {
    this.#configFile = configFile;
  }

  /** Enrols the node with the stack and starts its agent. */
  static async start(stack: Stack, folder: string, apiUrl: string): Promise<SeparateAgent> {
    const operator = await stack.api();
    const { clock } = await stack.cell();
    const made = await operator.json('POST', '/fleet/v1/enrolments', {
      ...SITE_NODE,
      id: SeparateAgent.carId,
      feeder: ROOMY_FEEDER,
      owner: 'node-owner',
      displayName: 'Node',
      modelFamilies: ['general'],
      policy: { ...SITE_NODE.policy, consent: { termsVersion: 'simulated owner', givenAtMs: clock.originMs } },
    });
    const { carId, key } = await exchangeCode(apiUrl, enrolmentCodeSchema.parse(made).code);
    await mkdir(folder, { recursive: true });
    const configFile = join(folder, 'agent.yaml');
    // JSON is YAML.
    await writeFile(configFile, JSON.stringify({ api: apiUrl, carId, key }), { mode: 0o600 });
    const agent = new SeparateAgent(configFile);
    agent.#launch();
    return agent;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the agent is being started');
    return this.#child.pid;
  }

  #launch(): void {
    const child = spawn(process.execPath, [MAIN, 'agent', 'run', this.#configFile], {
      env: { ...process.env, TZ: 'UTC' },
      stdio: 'ignore',
    });
    this.#child = child;
    child.once('exit', () => {
      if (!this.#stopped) this.#launch();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}
