import { Command } from 'commander';

import { openGrid, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';
import { regionText } from '../regionText.ts';

interface RegionOptions extends ApiOptions {
  readonly json?: true;
}

export const gridRegionCommand: CommandFactory = (terminal, done) =>
  withApiOptions(new Command('region'))
    .description(
      'show what a region knows now: price, limits, windows, and how its feeds do; all regions unless one is named',
    )
    .argument('[id]', 'id of the region')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, { json, ...options }: RegionOptions) => {
      const grid = await openGrid(options);
      const ids = id === undefined ? await grid.regionIds() : [id];
      const states = await Promise.all(ids.map((each) => grid.region(each)));
      const nowText = json
        ? `${JSON.stringify(id === undefined ? states : states[0], null, 2)}\n`
        : states.map((state) => regionText(state, terminal.colors)).join('\n');
      terminal.out(nowText);
      done(EXIT_CODES.ok);
    });
