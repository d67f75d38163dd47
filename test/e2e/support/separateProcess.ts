import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));

/** How to run programs of ours in containers, as `deploy/compose` does, instead of from the build. */
export interface Containers {
  readonly image: string;
  /** `docker`, or what takes its arguments, with options of its own. */
  readonly runtime: readonly [command: string, ...options: string[]];
  /** What the programs read of this machine. */
  readonly folder: string;
}

/** A program of ours that is started again whenever it ends, as systemd does. */
export class SeparateProcess {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #build: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #logFile: string;
  readonly #containers: Containers | undefined;
  #child: ChildProcess | undefined;
  #isStopped = false;

  /**
   * @param args of node, the program first, below the build
   * @param build the folder of the release that it belongs to, or containers of its image
   */
  constructor(
    name: string,
    folder: string,
    env: NodeJS.ProcessEnv,
    args: readonly string[],
    build: string | Containers = DIST,
  ) {
    this.name = name;
    this.#build = typeof build === 'string' ? build : 'dist/';
    this.#containers = typeof build === 'string' ? undefined : build;
    this.#args = args;
    this.#env = env;
    this.#logFile = `${folder}/${name}.log`;
    this.#launch();
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} is being started`);
    return this.#child.pid;
  }

  /** The last lines that it wrote. */
  get log(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-4_000);
  }

  /** kill -9. Resolves once it is gone; another one is then being started. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const exit = once(child, 'exit');
    if (this.#containers) {
      const [command, ...options] = this.#containers.runtime;
      execFileSync(command, [...options, 'kill', '--signal', 'KILL', this.#container], { stdio: 'ignore' });
    } else child.kill('SIGKILL');
    await exit;
  }

  /** Drains it; it is not started again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }

  #launch(): void {
    const [program = '', ...rest] = this.#args;
    const args = [this.#build + program, ...rest];
    const [command, ...options] = this.#containers ? this.#run(this.#containers) : [process.execPath];
    const child = spawn(command, [...options, ...args], {
      env: this.#containers ? process.env : this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const output of [child.stdout, child.stderr])
      output.on('data', (chunk: Buffer) => appendFileSync(this.#logFile, chunk));
    child.once('exit', () => {
      if (!this.#isStopped) this.#launch();
    });
  }

  get #container(): string {
    return `nightshift-test-${process.pid}-${this.name}`;
  }

  #run({ image, runtime: [command, ...options], folder }: Containers): [string, ...string[]] {
    const variables = Object.entries(this.#env).flatMap(([name, value]) =>
      /^(NIGHTSHIFT_|AWS_|TEMPORAL_|DATABASE_URL$|MQTT_URL$)/.test(name) && name !== 'NIGHTSHIFT_STATE_DIR'
        ? ['--env', `${name}=${value}`]
        : [],
    );
    const rights = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
    const own = ['--rm', '--name', this.#container, '--network', 'host', '--volume', `${folder}:${folder}:ro`];
    return [command, ...options, 'run', ...own, ...rights, ...variables, image];
  }
}
