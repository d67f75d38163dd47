import { resolve } from 'node:path';
import { Command } from 'commander';

import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';

/** A whole cell on this machine: every server that is not configured elsewhere, and every process of ours. */
export const stackCommand: CommandFactory = (terminal, done) =>
  new Command('stack')
    .description('run a cell on this machine, for real cars: its servers and processes, without the simulated night')
    .argument('<cell-file>', 'regions, feeders, cars and feeds (docs/cell-file.md)')
    .action(async (cellFile: string) => {
      const { loadConfig } = await import('../../config/config.ts');
      const { startPlatform } = await import('../../worker/local/platform.ts');
      const { listenForStopSignals } = await import('../../worker/local/supervisor/stopSignals.ts');
      const { apiKeyOf } = await import('../../worker/process/apiKey.ts');
      const env = { ...process.env, NIGHTSHIFT_CELL_FILE: resolve(cellFile) };
      const config = loadConfig({ env, cwd: process.cwd() });
      const signals = listenForStopSignals();
      try {
        const platform = await startPlatform(config, {
          onStatus: ({ name, state, detail }) => {
            const why = detail === undefined ? '' : `: ${detail}`;
            terminal.err(terminal.colors.dim(`${name} ${state}${why}\n`));
          },
          stop: signals.stop,
          force: signals.force,
        });
        const { api, gateway, ocpp, stateDir } = config;
        terminal.out(
          [
            `API       ${api.url}/v1, key ${apiKeyOf(config)}`,
            `Gateway   ${gateway.address}`,
            ocpp
              ? `Chargers  ${ocpp.tls ? 'wss' : 'ws'}://${ocpp.host}:${ocpp.port}/ocpp/<id>`
              : 'Chargers  none: ocpp.port is not set',
            `State     ${stateDir}`,
            'Ctrl-C ends it.\n',
          ].join('\n'),
        );
        await platform.stopped;
        done(EXIT_CODES.ok);
      } catch (error) {
        if (!signals.stop.aborted) throw error;
      } finally {
        signals.close();
      }
    });
