import { resolve } from 'node:path';

import { Command } from 'commander';

import { NightshiftError } from '../../domain/errors.ts';
import { codeOf, messageOf } from '../../domain/thrown.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';
import { releaseCommand } from './agentRelease.ts';

/** What runs on the computer in or beside a car. It needs its config file and nothing else of Nightshift's. */
export const agentCommand: CommandFactory = (terminal, done) => {
  const agent = new Command('agent').description(
    'run the agent of a car or site node on this computer (docs/agent.md)',
  );

  agent
    .command('enrol')
    .description('exchange the code of `nightshift car enrol` for the car’s key, and write a config file with it')
    .requiredOption('--api <url>', 'base URL of the API')
    .requiredOption('--code <code>', 'the code, which works once')
    .option('--file <file>', 'config file to write', 'agent.yaml')
    .action(async ({ api, code, file }: { api: string; code: string; file: string }) => {
      const { openSync, writeSync, closeSync, rmSync } = await import('node:fs');
      const { stringify } = await import('yaml');
      const { exchangeCode } = await import('../../agent/carDoors.ts');
      // Before the exchange: a code that is used up for a file that cannot be written would be lost.
      const opened = openNew(file, openSync);
      try {
        const { carId, key } = await exchangeCode(api, code);
        writeSync(
          opened,
          `# Holds the car's key: for the agent alone. docs/agent.md\n${stringify({ api, carId, key })}`,
        );
        terminal.out(`${carId}: its key is in ${file}. Next: nightshift agent check ${file}\n`);
      } catch (error) {
        // An empty file would be in the way of the next try.
        rmSync(file);
        throw error;
      } finally {
        closeSync(opened);
      }
    });

  agent
    .command('check')
    .description('say what the agent finds: config, API, sensors, power meter, execution provider and speed')
    .argument('<file>', 'config file')
    .option('--json', 'print JSON')
    .action(async (file: string, { json }: { json?: true }) => {
      const { readAgentConfig } = await import('../../agent/agentConfig.ts');
      const { checkHost } = await import('../../agent/checkHost.ts');
      const { checkText } = await import('../checkText.ts');
      const findings = await checkHost(await readAgentConfig(file));
      terminal.out(json ? `${JSON.stringify(findings, null, 2)}\n` : checkText(findings, terminal));
      done(findings.every(({ ok }) => ok) ? EXIT_CODES.ok : EXIT_CODES.failed);
    });

  agent
    .command('run')
    .description('run the agent until SIGTERM, at which it gives back what it has in hand')
    .argument('<file>', 'config file')
    .action(async (file: string) => {
      const { readAgentConfig } = await import('../../agent/agentConfig.ts');
      const config = await readAgentConfig(file);
      try {
        // With releases, another process runs the agent, so that this one can start the next release of it.
        if (config.releases && process.send === undefined) {
          const { launch } = await import('../../worker/car/launch.ts');
          process.exit(await launch(config, resolve(file)));
        }
        const { runAgent } = await import('../../worker/car/runAgent.ts');
        await runAgent(config);
      } catch (error) {
        terminal.err(`nightshift: ${messageOf(error)}\n`);
        // Whatever is still open must not keep a service from being started again.
        process.exit(EXIT_CODES.failed);
      }
      process.exit(EXIT_CODES.ok);
    });
  agent.addCommand(releaseCommand(terminal));
  return agent;
};

/** @throws NightshiftError `conflict` for a file that is there: it may hold another car's key */
function openNew(file: string, openSync: (path: string, flags: string, mode: number) => number): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (cause) {
    const why =
      codeOf(cause) === 'EEXIST'
        ? 'it exists, and may hold a car’s key; name another one with --file'
        : messageOf(cause);
    throw new NightshiftError('conflict', `${file} cannot be made: ${why}.`, { field: 'file', cause });
  }
}
