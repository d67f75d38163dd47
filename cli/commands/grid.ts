import { Command } from 'commander';

import { openGrid, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { connectionText, eventText, eventTitle } from '../gridText.ts';
import { gridConnectCommand } from './gridConnect.ts';
import { gridEmergencyCommand } from './gridEmergency.ts';
import { gridImportCommand } from './gridImport.ts';
import { gridRegionCommand } from './gridRegion.ts';

interface GridOptions extends ApiOptions {
  readonly json?: true;
}

export const gridCommand: CommandFactory = (terminal, done) => {
  const print = (value: unknown, options: GridOptions, text: () => string): void => {
    terminal.out(options.json ? `${JSON.stringify(value, null, 2)}\n` : text());
    done(EXIT_CODES.ok);
  };
  return new Command('grid')
    .description('follow utilities, see what their events did, and give a region its signals')
    .addCommand(gridImportCommand(terminal, done))
    .addCommand(gridRegionCommand(terminal, done))
    .addCommand(gridEmergencyCommand(terminal, done))
    .addCommand(gridConnectCommand(terminal, done))
    .addCommand(
      common('connections')
        .description('the utilities that are followed: events taken, refused and why, and what fails')
        .action(async (options: GridOptions) => {
          const connections = await (await openGrid(options)).connections();
          print(connections, options, () =>
            connections.length === 0
              ? 'no utility is followed\n'
              : connections.map((connection) => connectionText(connection, terminal.colors)).join('\n'),
          );
        }),
    )
    .addCommand(
      common('disconnect')
        .description('follow a utility no more, and remove there what we are registered as')
        .argument('<id>', 'name of the connection')
        .action(async (id: string, options: GridOptions) => {
          await (await openGrid(options)).disconnect(id);
          print({ id, deleted: true }, options, () => `${id} is followed no more\n`);
        }),
    )
    .addCommand(
      new Command('event')
        .description('see utilities’ events')
        .addCommand(
          common('list')
            .description('list the newest events')
            .action(async (options: GridOptions) => {
              const events = await (await openGrid(options)).events();
              print(events, options, () =>
                events
                  .map((event) => `${eventTitle(event)}  ${event.connection}  ${event.state}  ${event.start ?? '-'}\n`)
                  .join(''),
              );
            }),
        )
        .addCommand(
          common('show')
            .description('what an event asked for, what it did to the metered load, and what was reported')
            .argument('<id>', 'id of the event')
            .action(async (id: string, options: GridOptions) => {
              const event = await (await openGrid(options)).event(id);
              print(event, options, () => eventText(event, terminal.colors));
            }),
        ),
    );
};

function common(name: string): Command {
  return withApiOptions(new Command(name)).option('--json', 'print JSON');
}
