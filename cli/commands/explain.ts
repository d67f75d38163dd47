import { Command } from 'commander';

import { NightshiftError } from '../../domain/errors.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';

interface ExplainOptions {
  readonly car?: string;
  readonly job?: string;
  readonly timeZone: string;
  readonly json?: true;
}

export const explainCommand: CommandFactory = (terminal, done) =>
  new Command('explain')
    .description('say why a car or a job does what it does in a plan, when it will, and what it would take')
    .argument('<problem>', 'planning problem, JSON')
    .argument('<plan>', 'plan of that problem, JSON')
    .option('--car <id>', 'the car to explain')
    .option('--job <id>', 'the job to explain')
    .option('--time-zone <zone>', 'IANA zone of the clock', 'UTC')
    .option('--json', 'print JSON')
    .action(async (problemFile: string, planFile: string, options: ExplainOptions) => {
      const { car, job, timeZone } = options;
      if ((car === undefined) === (job === undefined)) {
        throw new NightshiftError('invalid_request', 'Give either --car or --job.', { field: 'car' });
      }
      const { readPlanFile, readProblemFile } = await import('../planFiles.ts');
      const { explainCar, explainJob, explanationText } = await import('../explanation.ts');
      const { clockText } = await import('../clockText.ts');
      const problem = await readProblemFile(problemFile);
      const plan = await readPlanFile(planFile);
      const clock = clockText(timeZone, 'ccc HH:mm');
      const planned = { problem, plan, clock };
      const explanation = car === undefined ? explainJob(planned, job ?? '') : explainCar(planned, car);
      terminal.out(
        options.json ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation, clock, terminal),
      );
      done(EXIT_CODES.ok);
    });
