import { Command, CommanderError } from 'commander';

import { readVersion } from '../config/version.ts';
import { NightshiftError } from '../domain/errors.ts';
import { agentCommand } from './commands/agent.ts';
import { doctorCommand } from './commands/doctor.ts';
import { auditCommand } from './commands/audit.ts';
import { backtestCommand } from './commands/backtest.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
import { batchCommand } from './commands/batch.ts';
import { checkCommand } from './commands/check.ts';
import { explainCommand } from './commands/explain.ts';
import { gridCommand } from './commands/grid.ts';
import { keyCommand } from './commands/key.ts';
import { ledgerCommand } from './commands/ledger.ts';
import { logsCommand } from './commands/logs.ts';
import { migrateCommand } from './commands/migrate.ts';
import { modelCommand } from './commands/model.ts';
import { carCommand } from './commands/car.ts';
import { chargerCommand } from './commands/charger.ts';
import { fleetCommand } from './commands/fleet.ts';
import { trustCommand } from './commands/trust.ts';
import { planCommand } from './commands/plan.ts';
import { billingCommand } from './commands/billing.ts';
import { ownerCommand } from './commands/owner.ts';
import { pricesCommand } from './commands/prices.ts';
import { problemCommand } from './commands/problem.ts';
import { rolloutCommand } from './commands/rollout.ts';
import { secretsCommand } from './commands/secrets.ts';
import { stackCommand } from './commands/stack.ts';
import { trainCommand } from './commands/train.ts';
import { teslaCommand } from './commands/tesla.ts';
import { startCommand } from './commands/start.ts';
import type { CommandFactory } from './command.ts';
import { EXIT_CODES, type ExitCode } from './exitCodes.ts';
import type { Terminal } from './terminal.ts';

const COMMANDS: readonly CommandFactory[] = [
  startCommand,
  planCommand,
  checkCommand,
  keyCommand,
  auditCommand,
  ledgerCommand,
  pricesCommand,
  ownerCommand,
  billingCommand,
  gridCommand,
  modelCommand,
  rolloutCommand,
  explainCommand,
  problemCommand,
  backtestCommand,
  batchCommand,
  carCommand,
  chargerCommand,
  teslaCommand,
  trainCommand,
  fleetCommand,
  trustCommand,
  stackCommand,
  agentCommand,
  doctorCommand,
  logsCommand,
  migrateCommand,
  backupCommand,
  restoreCommand,
  secretsCommand,
];

const EXIT_HELP = `
Exit codes:
  0  done
  1  the answer is no, or it failed
  2  an argument or an input is wrong
  3  planned, but something that was wanted cannot be met
`;

/** Runs one command line and gives its exit code. Never throws. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT_CODES.ok;
  const program = new Command('nightshift')
    .description('Plans charging and AI inference on parked electric cars, and talks to a running Nightshift.')
    .version(readVersion())
    .addHelpText('after', EXIT_HELP);
  for (const factory of COMMANDS) {
    program.addCommand(
      factory(terminal, (given) => {
        code = given;
      }),
    );
  }
  everyCommand(program, (command) => {
    command
      .exitOverride()
      .showHelpAfterError('(add --help for the options)')
      .configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (thrown) {
    return exitCodeOf(thrown, terminal);
  }
}

function everyCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const child of command.commands) everyCommand(child, change);
}

function exitCodeOf(thrown: unknown, { err, colors }: Terminal): ExitCode {
  // Commander has printed what was wrong, or the help that was asked for.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.invalidInput;
  if (thrown instanceof NightshiftError) {
    err(`${colors.red('nightshift:')} ${thrown.message}\n`);
    return thrown.httpStatus < 500 ? EXIT_CODES.invalidInput : EXIT_CODES.failed;
  }
  err(`${colors.red('nightshift:')} ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`);
  return EXIT_CODES.failed;
}
