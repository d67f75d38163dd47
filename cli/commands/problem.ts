import { Command } from 'commander';

import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';

const MAX_CARS = 10_000_000;
const MAX_SLOTS = 2000;

interface RandomOptions {
  readonly cars: number;
  readonly slots: number;
  readonly feeders: number;
  readonly jobs: number;
  readonly seed: number;
  readonly out?: string;
}

export const problemCommand: CommandFactory = (terminal, done) =>
  new Command('problem').description('make planning problems').addCommand(
    new Command('random')
      .description('make up a plausible night, the same for the same seed, and print it as JSON')
      .option('--cars <n>', 'cars', wholeNumber(0, MAX_CARS), 20)
      .option('--slots <n>', 'slots of 15 minutes', wholeNumber(1, MAX_SLOTS), 64)
      .option('--feeders <n>', 'feeders', wholeNumber(1, MAX_CARS), 2)
      .option('--jobs <n>', 'jobs', wholeNumber(0, MAX_CARS), 2)
      .option('--seed <n>', 'seed', wholeNumber(0, 2 ** 32 - 1), 1)
      .option('--out <file>', 'write to a file instead of standard output')
      .action(async ({ out, ...options }: RandomOptions) => {
        const { randomProblem } = await import('../../scheduler/randomProblem.ts');
        const { jsonChunks, writeJsonObject } = await import('../files/writeFiles.ts');
        const problem = randomProblem(options);
        if (out === undefined) for (const chunk of jsonChunks(problem)) terminal.out(chunk);
        else await writeJsonObject(out, problem);
        done(EXIT_CODES.ok);
      }),
  );
