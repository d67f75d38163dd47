import type { Command } from 'commander';
import type { ExitCode } from './exitCodes.ts';
import type { Terminal } from './terminal.ts';

/**
 * One command of the CLI: it declares itself and hands its exit code to `done`. What it needs to run it imports only
 * then, so that help and short commands do not wait for the solver or the Temporal client.
 */
export type CommandFactory = (terminal: Terminal, done: (code: ExitCode) => void) => Command;
