import { Command } from 'commander';
import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';

interface EmergencyOptions extends ApiOptions {
  readonly until?: string;
  readonly end?: true;
  readonly reason: string;
  readonly feeder: readonly string[];
  readonly json?: true;
}

const declaredSchema = z.object({ id: z.string(), feeders: z.array(z.string()), start: z.string(), until: z.string() });
const endedSchema = z.object({ ended: z.array(z.string()) });

export const gridEmergencyCommand: CommandFactory = (terminal, done) =>
  withApiOptions(new Command('emergency'))
    .description('have the cars of a region draw nothing, from now until a time or until it is ended')
    .argument('<region>', 'id of the region')
    .option('--until <time>', 'grid time at which it ends, e.g. 2026-01-11T07:30:00+01:00')
    .option('--end', 'end all emergencies of the region that were declared so')
    .option('--reason <text>', 'said in the journal', 'Declared by an operator')
    .option('--feeder <ids...>', 'feeders that shed; all of the region unless given', [])
    .option('--json', 'print JSON')
    .action(async (region: string, { until, end, reason, feeder, json, ...api }: EmergencyOptions) => {
      if ((until === undefined) === (end === undefined)) {
        throw new NightshiftError('invalid_request', 'Give one of --until and --end.', { field: 'until' });
      }
      const path = `/grid/v1/regions/${encodeURIComponent(region)}/emergency`;
      const init =
        until === undefined
          ? { method: 'DELETE' }
          : {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ reason, until, feeders: feeder }),
            };
      const answer: unknown = await (await (await openApi(api)).call(path, init)).json();
      terminal.out(json ? `${JSON.stringify(answer, null, 2)}\n` : textOf(answer, region, until !== undefined));
      done(EXIT_CODES.ok);
    });

function textOf(answer: unknown, region: string, isDeclared: boolean): string {
  if (!isDeclared) {
    const { ended } = endedSchema.parse(answer);
    return ended.length === 0
      ? `no declared emergency was in force in ${region}\n`
      : `ended in ${region}: ${ended.join(', ')}\n`;
  }
  const { id, feeders, start, until } = declaredSchema.parse(answer);
  return `${id}: no import on ${feeders.join(', ')} from ${start} to ${until}\n`;
}
