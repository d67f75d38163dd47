import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));

/** A program of ours that is started again whenever it ends, as systemd does. */
export class SeparateProcess {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #build: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #logFile: string;
  #child: ChildProcess | undefined;
  #isStopped = false;

  /**
   * @param args of node, the program first, below the build
   * @param build the folder of the release that it belongs to
   */
  constructor(name: string, folder: string, env: NodeJS.ProcessEnv, args: readonly string[], build = DIST) {
    this.name = name;
    this.#build = build;
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
    child.kill('SIGKILL');
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
    const child = spawn(process.execPath, [this.#build + program, ...rest], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const output of [child.stdout, child.stderr])
      output.on('data', (chunk: Buffer) => appendFileSync(this.#logFile, chunk));
    child.once('exit', () => {
      if (!this.#isStopped) this.#launch();
    });
  }
}
