import { Command } from 'commander';

import type { RolloutClient } from '../../api/client/rolloutClient.ts';
import type { RolloutCommand } from '../../domain/workflows/modelRollout.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends ApiOptions {
  readonly json?: true;
}

interface StartOptions extends Options {
  readonly spec?: string;
  readonly atOnce?: true;
}

/** Everyone at once, without asking what it answers: for installations without a fleet to try it on. */
const AT_ONCE = { waves: [{ share: 1, soak_hours: 0 }], compare: { requests: 0 } };

const COMMANDS: readonly (readonly [RolloutCommand, string])[] = [
  ['pause', 'hold a roll-out where it is; what it has served stays'],
  ['resume', 'let a paused roll-out go on'],
  ['skip', 'go on without what it waits for: cars that are to fetch it, the comparison, or the rest of the hours'],
  ['abort', 'end a roll-out; the version before answers everyone'],
];

export const rolloutCommand: CommandFactory = (terminal) => {
  const rollout = new Command('rollout').description('bring a new version of a model to the fleet in waves');
  withApiOptions(rollout.command('list'))
    .description('what each model answers with, and roll-outs, newest first')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const found = await (await reach(options)).list();
      const { rolloutsText } = await import('../rolloutText.ts');
      terminal.out(options.json ? asJson(found) : rolloutsText(found, terminal));
    });
  withApiOptions(rollout.command('start'))
    .description('begin to roll a published version out, in three waves unless a file says otherwise')
    .argument('<model>')
    .argument('<version>')
    .option('--spec <file>', 'JSON file with waves, comparison, limits and downloads (docs/rollout.md)')
    .option('--at-once', 'one wave, no comparison')
    .option('--json', 'print JSON')
    .action(async (model: string, version: string, options: StartOptions) => {
      const { readJsonObject } = await import('../files/readJsonObject.ts');
      const spec = options.atOnce ? AT_ONCE : options.spec === undefined ? {} : await readJsonObject(options.spec);
      await tell(terminal, options, await (await reach(options)).start(model, version, spec));
    });
  for (const [name, description] of COMMANDS) {
    withApiOptions(rollout.command(name))
      .description(description)
      .argument('<model>')
      .argument('<version>')
      .argument('<reason>', 'as the journal tells it')
      .option('--json', 'print JSON')
      .action(async (model: string, version: string, reason: string, options: Options) => {
        const client = await reach(options);
        await tell(terminal, options, await client.command(model, version, name, reason));
      });
  }
  withApiOptions(rollout.command('pin'))
    .description('keep a tenant on a version of an operator’s model, whatever is rolled out')
    .argument('<tenant>')
    .argument('<model>')
    .argument('[version]', 'left out: no longer')
    .action(async (tenant: string, model: string, version: string | undefined, options: Options) => {
      await (await reach(options)).pin(tenant, model, version ?? null);
      terminal.out(
        version === undefined
          ? `${tenant} follows roll-outs of ${model}\n`
          : `${tenant} stays on ${model} ${version}\n`,
      );
    });
  return rollout;
};

async function tell(
  terminal: Terminal,
  { json }: Options,
  found: Awaited<ReturnType<RolloutClient['start']>>,
): Promise<void> {
  const { rolloutText } = await import('../rolloutText.ts');
  terminal.out(json ? asJson(found) : `${rolloutText(found, terminal)}\n`);
}

async function reach(options: ApiOptions): Promise<RolloutClient> {
  const { RolloutClient } = await import('../../api/client/rolloutClient.ts');
  return new RolloutClient(await openApi(options));
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
