import { Command } from 'commander';

import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';
import { regionsSchema, regionText } from '../regionText.ts';

interface RegionOptions extends ApiOptions {
  readonly json?: true;
}

const REGIONS = '/grid/v1/regions';

export const gridRegionCommand: CommandFactory = (terminal, done) =>
  withApiOptions(new Command('region'))
    .description(
      'show what a region knows now: price, limits, windows, and how its feeds do; all regions unless one is named',
    )
    .argument('[id]', 'id of the region')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, { json, ...options }: RegionOptions) => {
      const api = await openApi(options);
      const read = async (path: string): Promise<unknown> => (await api.call(path)).json();
      const ids = id === undefined ? regionsSchema.parse(await read(REGIONS)).regions.map((region) => region.id) : [id];
      const states = await Promise.all(ids.map((each) => read(`${REGIONS}/${encodeURIComponent(each)}`)));
      const nowText = json
        ? `${JSON.stringify(id === undefined ? states : states[0], null, 2)}\n`
        : states.map((state) => regionText(state, terminal.colors)).join('\n');
      terminal.out(nowText);
      done(EXIT_CODES.ok);
    });
