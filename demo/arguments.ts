import { Command } from 'commander';

export interface StartOptions {
  /** End by itself after the night. */
  readonly exit: boolean;
  /** Where the figures go as JSON. */
  readonly report: string | undefined;
  /** Folder of a chat model, for a night of chats. */
  readonly model: string | undefined;
  readonly variant: string | undefined;
}

/** Reads the arguments of `npm start -- …`; prints help and exits when asked to, or at an argument it does not know. */
export function readStartOptions(argv: readonly string[]): StartOptions {
  const command = new Command('npm start --')
    .description('Starts the local stack and runs one night on thirteen simulated cars.')
    .option('--exit', 'end after the night: exit code 0 only if every request is accounted for and every car was ready')
    .option('--report <file>', 'write the figures of the night to a file, as JSON')
    .option('--model <folder>', 'a chat model as it lies on disk: the night becomes a batch of chats')
    .option('--variant <variant>', 'which of its networks, where the folder has several: q4, fp16, ...')
    .parse(argv, { from: 'user' });
  const { exit = false, report, model, variant } = command.opts<Partial<StartOptions>>();
  if (variant !== undefined && model === undefined)
    command.error('error: --variant is of the folder that --model names');
  return { exit, report, model, variant };
}
