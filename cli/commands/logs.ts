import { fstatSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';

import type { CommandFactory } from '../command.ts';
import { LEVELS, LogFilter, readLine, shownLine, type LogLine } from '../logLines.ts';
import type { Terminal } from '../terminal.ts';

interface LogsOptions {
  readonly process?: string;
  readonly level?: string;
  readonly since?: number;
  readonly follow?: true;
  readonly json?: true;
}

const LOOK_EVERY_REAL_MS = 300;

/** What the processes of this machine wrote, or what is piped in, by time and by what it is about. */
export const logsCommand: CommandFactory = (terminal) =>
  new Command('logs')
    .description(
      'what the processes wrote, in the order of time; with ids, only what is about them: a request, a batch, a car',
    )
    .argument('[ids...]', 'x-request-id, batch id or VIN; a request leads on to the batch that it submitted')
    .option('--process <name>', 'only this process, e.g. control')
    .addOption(new Option('--level <level>', 'only lines of this level or worse').choices(LEVELS))
    .option('--since <time>', 'only lines since then, RFC 3339', instantOf)
    .option('--follow', 'go on with what comes')
    .option('--json', 'the lines as they are')
    .addHelpText(
      'after',
      `
Reads the log files of the state folder, or, when something is piped in, that:
  journalctl -u 'nightshift-*' -o cat | nightshift logs batch_…
  kubectl logs -l app.kubernetes.io/name=nightshift --prefix=false | nightshift logs VIN`,
    )
    .action(async (ids: string[], { process: name, level, since, follow, json }: LogsOptions) => {
      const filter = new LogFilter({ ids, name, level, sinceMs: since });
      const show = (line: LogLine): void => {
        if (filter.takes(line)) terminal.out(json ? `${line.text}\n` : shownLine(line, terminal.colors));
      };
      if (isPipedIn()) return readPiped(show);
      await readFiles(terminal, show, follow === true);
    });

function instantOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('must be a time, e.g. 2026-01-11T07:30:00+01:00');
  return ms;
}

/** Whether something is piped in: under cron, standard input is neither a terminal nor a pipe. */
function isPipedIn(): boolean {
  const input = fstatSync(0);
  return input.isFIFO() || input.isFile() || input.isSocket();
}

async function readPiped(show: (line: LogLine) => void): Promise<void> {
  for await (const text of createInterface({ input: process.stdin })) show(readLine(text));
}

async function readFiles(terminal: Terminal, show: (line: LogLine) => void, follow: boolean): Promise<void> {
  const { loadConfig } = await import('../../config/config.ts');
  const folder = join(loadConfig({ env: process.env, cwd: process.cwd() }).stateDir, 'logs');
  const known = new Map<string, LogFile>();
  for (;;) {
    const lines: LogLine[] = [];
    for (const name of await readdir(folder).catch(() => [])) {
      if (!/\.log(\.1)?$/.test(name)) continue;
      // The one before is read once: it does not grow any more.
      const file = known.get(name) ?? { path: join(folder, name), at: 0, rest: '' };
      if (known.has(name) && name.endsWith('.1')) continue;
      known.set(name, file);
      lines.push(...(await newLines(file)));
    }
    if (known.size === 0) terminal.err(`There are no logs in ${folder}.\n`);
    for (const line of lines.toSorted((a, b) => a.atMs - b.atMs)) show(line);
    if (!follow) return;
    await sleep(LOOK_EVERY_REAL_MS);
  }
}

interface LogFile {
  readonly path: string;
  /** Bytes that are read. */
  at: number;
  /** A line that is not ended yet. */
  rest: string;
}

async function newLines(file: LogFile): Promise<LogLine[]> {
  const { size } = await stat(file.path);
  // It was put aside, and another one begun.
  if (size < file.at) Object.assign(file, { at: 0, rest: '' });
  if (size === file.at) return [];
  const handle = await open(file.path);
  try {
    const bytes = Buffer.alloc(size - file.at);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, file.at);
    file.at += bytesRead;
    const lines = (file.rest + bytes.subarray(0, bytesRead).toString('utf8')).split('\n');
    file.rest = lines.pop() ?? '';
    return lines.filter((line) => line !== '').map(readLine);
  } finally {
    await handle.close();
  }
}
