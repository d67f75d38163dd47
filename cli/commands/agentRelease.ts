import { Command } from 'commander';

import type { SignedRelease } from '../../domain/agentReleases.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { wholeNumber } from '../numberOption.ts';
import type { Terminal } from '../terminal.ts';

const MAX_VERSION = 1e9;
const MAX_DAYS = 3_650;

interface MakeOptions {
  readonly number: number;
  readonly name: string;
  readonly key: string;
  readonly entry: string;
  readonly with: readonly string[];
  readonly expiresInDays: number;
  readonly out: string;
}

/** Signed releases of the agent. docs/agent.md */
export function releaseCommand(terminal: Terminal): Command {
  const release = new Command('release').description('make, sign and publish releases of the agent itself');

  release
    .command('key')
    .description('make a key that signs releases; the public half goes into agents’ config files')
    .option('--out <file>', 'file for the private half, for whoever signs alone', 'release.key')
    .action(async ({ out }: { out: string }) => {
      const { newReleaseKey } = await import('../../domain/agentReleases.ts');
      const { writeNewFile } = await import('../files/writeNewFile.ts');
      const { privateKey, publicKey } = newReleaseKey();
      await writeNewFile(out, privateKey);
      terminal.out(`${publicKey}\n`);
      terminal.err(
        `The private half is in ${out}. Keep it away from the cell: whoever has it runs what they like in every car.\n`,
      );
    });

  release
    .command('make')
    .description('make a signed release of an installation: a folder with dist/, node_modules/ and package.json')
    .argument('<folder>', 'the installation')
    .requiredOption('--number <n>', 'above that of every release before', wholeNumber(1, MAX_VERSION))
    .requiredOption('--name <name>', 'for people, such as 0.4.1')
    .requiredOption('--key <file>', 'private key to sign with')
    .option('--entry <path>', 'what Node runs', 'dist/cli/main.js')
    .option('--with <paths...>', 'files and folders of the installation', ['dist', 'node_modules', 'package.json'])
    .option('--expires-in-days <n>', 'after them, no agent begins to use it', wholeNumber(1, MAX_DAYS), 90)
    .option('--out <file>', 'where the signed release goes', 'release.json')
    .action(async (folder: string, options: MakeOptions) => {
      const { makeRelease } = await import('../releaseFolder.ts');
      const { signRelease } = await import('../../domain/agentReleases.ts');
      const { readTextFile } = await import('../files/readTextFile.ts');
      const made = await makeRelease(folder, options.with, {
        version: options.number,
        name: options.name,
        entry: options.entry,
        expiresInDays: options.expiresInDays,
      });
      const signed = signRelease({ signed: JSON.stringify(made), signatures: [] }, await readTextFile(options.key));
      await save(options.out, signed);
      const megabytes = made.files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
      terminal.out(
        `release ${made.version} (${made.name}): ${made.files.length} files, ${megabytes.toFixed(1)} MB, until ${made.expires_at}, in ${options.out}\n`,
      );
    });

  release
    .command('sign')
    .description('add a signature to a release, for agents that ask for more than one')
    .argument('<file>', 'the signed release')
    .requiredOption('--key <file>', 'private key to sign with')
    .action(async (file: string, { key }: { key: string }) => {
      const { readRelease, signRelease } = await import('../../domain/agentReleases.ts');
      const { readTextFile } = await import('../files/readTextFile.ts');
      const given = await readSigned(file);
      const { version, name } = readRelease(given);
      const signed = signRelease(given, await readTextFile(key));
      await save(file, signed);
      terminal.out(`release ${version} (${name}) has ${signed.signatures.length} signatures\n`);
    });

  withApiOptions(release.command('publish'))
    .description('send a release to the cell; then: nightshift rollout start nightshift-agent NUMBER')
    .argument('<file>', 'the signed release')
    .argument('<folder>', 'the installation that it was made of')
    .action(async (file: string, folder: string, options: ApiOptions) => {
      const { publishRelease } = await import('../releaseFolder.ts');
      const version = await publishRelease(await openApi(options), await readSigned(file), folder, terminal);
      terminal.out(`release ${version} is published. Next: nightshift rollout start nightshift-agent ${version}\n`);
    });

  withApiOptions(release.command('list'))
    .description('releases, and what each car runs')
    .option('--json', 'print JSON')
    .action(async ({ json, ...options }: ApiOptions & { json?: true }) => {
      const { agentReleasesSchema } = await import('../../api/wire/agentReleases.ts');
      const { releasesText } = await import('../releaseText.ts');
      const found = agentReleasesSchema.parse(await (await openApi(options)).json('GET', '/ops/v1/agent_releases'));
      terminal.out(json ? `${JSON.stringify(found, null, 2)}\n` : releasesText(found, terminal));
    });
  return release;
}

async function readSigned(file: string): Promise<SignedRelease> {
  const { signedReleaseSchema } = await import('../../domain/agentReleases.ts');
  const { readJsonObject } = await import('../files/readJsonObject.ts');
  const { NightshiftError } = await import('../../domain/errors.ts');
  const parsed = signedReleaseSchema.safeParse(await readJsonObject(file));
  if (!parsed.success)
    throw new NightshiftError('invalid_request', `${file} is no signed release: nightshift agent release make`, {
      field: 'file',
    });
  return parsed.data;
}

async function save(file: string, signed: SignedRelease): Promise<void> {
  const { writeFileAtomically } = await import('../../inference/atomicFile.ts');
  await writeFileAtomically(file, `${JSON.stringify(signed)}\n`);
}
