import { Command } from 'commander';

import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';

interface ImportOptions extends ApiOptions {
  readonly region: string;
  readonly kind?: string;
  readonly source: string;
  readonly timeZone: string;
}

export const gridImportCommand: CommandFactory = (terminal, done) =>
  withApiOptions(new Command('import'))
    .description('push prices, carbon, limits or loads from a table or a JSON list')
    .argument(
      '<file>',
      'CSV with the columns start, end, value and, if wanted, kind and feeder; or JSON with such records',
    )
    .requiredOption('--region <id>', 'region that the signals are of')
    .option('--kind <kind>', 'kind of records that name none, e.g. price or import_limit')
    .option('--source <name>', 'who says so; what the same source says later replaces it', 'utility')
    .option('--time-zone <zone>', 'IANA zone of times without an offset', 'UTC')
    .action(async (file: string, { region, kind, source, timeZone, ...api }: ImportOptions) => {
      const { readSignalFile } = await import('../signalFile.ts');
      const client = await openApi(api);
      for (const { kind: pushedKind, ...push } of await readSignalFile(file, { kind, timeZone })) {
        const path = `/grid/v1/regions/${encodeURIComponent(region)}/signals/${pushedKind}`;
        await client.call(path, {
          method: 'PUT',
          body: JSON.stringify({ ...push, source }),
          headers: { 'content-type': 'application/json' },
        });
        const place = push.feeder_id === undefined ? region : `${region}, feeder ${push.feeder_id}`;
        terminal.out(`${pushedKind} of ${place}: ${push.spans.length} spans stored\n`);
      }
      done(EXIT_CODES.ok);
    });
