import { Command } from 'commander';

export interface StartOptions {
  /** End by itself after the night. */
  readonly exit: boolean;
  /** Where the figures go as JSON. */
  readonly report: string | undefined;
}

/** Reads the arguments of `npm start -- …`; prints help and exits when asked to, or at an argument it does not know. */
export function readStartOptions(argv: readonly string[]): StartOptions {
  const command = new Command('npm start --')
    .description('Starts the local stack and runs one night on thirteen simulated cars.')
    .option('--exit', 'end after the night: exit code 0 only if every request is accounted for and every car was ready')
    .option('--report <file>', 'write the figures of the night to a file, as JSON')
    .parse(argv, { from: 'user' });
  const { exit = false, report } = command.opts<{ exit?: boolean; report?: string }>();
  return { exit, report };
}
