import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

import { Command } from 'commander';
import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';

interface ModelOptions extends ApiOptions {
  readonly json?: true;
}

interface AddOptions extends ModelOptions {
  readonly name: string;
  readonly manifest: string;
  readonly modelVersion?: string;
}

const modelSchema = z.looseObject({
  id: z.string(),
  x_model: z.object({ version: z.string(), description: z.string().nullable(), endpoint: z.string() }).nullable(),
});
const admittedSchema = modelSchema.extend({
  x_probe: z.object({ ms_per_sample: z.number(), peak_memory_mb: z.number().nullable() }),
});

/** Keys of a manifest that name a file beside it, and what they become. */
const FILE_KEYS: Readonly<Record<string, string>> = {
  tokenizerFile: 'tokenizerSha256',
  configFile: 'configSha256',
  vocabularyFile: 'vocabularySha256',
  dictionaryFile: 'dictionarySha256',
};

export const modelCommand: CommandFactory = (terminal, done) => {
  const line = ({ id, x_model: model }: z.infer<typeof modelSchema>): string =>
    `${id}  ${model?.version ?? '-'}  ${model?.endpoint ?? '-'}  ${terminal.colors.dim(model?.description ?? '')}\n`;
  return new Command('model')
    .description('add, list and remove models')
    .addCommand(
      common('add')
        .description('have a model checked, measured and published; exit code 2 when it is refused')
        .argument('<file>', 'the network, ONNX')
        .requiredOption('--name <name>', 'name that requests call it by')
        .requiredOption('--manifest <file>', 'its pipeline, JSON; files beside it are named tokenizerFile and so on')
        .option('--model-version <version>', 'version; the first digits of its hash unless given')
        .action(async (file: string, options: AddOptions) => {
          const { declaration, assets } = await readManifest(options.manifest);
          const form = new FormData();
          const { name, modelVersion: version } = options;
          form.append('manifest', JSON.stringify({ ...declaration, name, ...(version !== undefined && { version }) }));
          for (const [asset, bytes] of assets) form.append('assets', new Blob([new Uint8Array(bytes)]), asset);
          form.append('file', await openAsBlob(file), basename(file));
          const answer = await (await openApi(options)).call('/v1/models', { method: 'POST', body: form });
          const added = admittedSchema.parse(await answer.json());
          if (options.json) terminal.out(`${JSON.stringify(added, null, 2)}\n`);
          else {
            const { ms_per_sample: ms, peak_memory_mb: mb } = added.x_probe;
            terminal.out(line(added));
            terminal.out(`  ${ms.toFixed(2)} ms a sample, at most ${mb ?? '?'} MiB, on this machine\n`);
          }
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('list')
        .description('list the newest version of each model')
        .action(async (options: ModelOptions) => {
          const answer = await (await openApi(options)).json('GET', '/v1/models');
          const { data } = z.object({ data: z.array(modelSchema) }).parse(answer);
          terminal.out(options.json ? `${JSON.stringify(data, null, 2)}\n` : data.map(line).join(''));
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('remove')
        .description('take a version out of service; refused while a batch uses it')
        .argument('<name>', 'name of the model')
        .option('--model-version <version>', 'version; the newest unless given')
        .action(async (name: string, options: ModelOptions & { readonly modelVersion?: string }) => {
          const query =
            options.modelVersion === undefined ? '' : `?version=${encodeURIComponent(options.modelVersion)}`;
          await (await openApi(options)).json('DELETE', `/v1/models/${encodeURIComponent(name)}${query}`);
          terminal.out(options.json ? `${JSON.stringify({ id: name, deleted: true })}\n` : `${name} removed\n`);
          done(EXIT_CODES.ok);
        }),
    );
};

function common(name: string): Command {
  return withApiOptions(new Command(name)).option('--json', 'print JSON');
}

/** The manifest with the hashes of the files that it names, and those files. */
async function readManifest(path: string): Promise<{ declaration: object; assets: Map<string, Buffer> }> {
  const assets = new Map<string, Buffer>();
  const resolved = async (value: unknown): Promise<unknown> => {
    if (Array.isArray(value)) return Promise.all(value.map(resolved));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(async ([key, held]): Promise<[string, unknown]> => {
      const hashKey = FILE_KEYS[key];
      if (hashKey === undefined || typeof held !== 'string') return [key, await resolved(held)];
      const bytes = await readFile(resolve(dirname(path), held));
      assets.set(basename(held), bytes);
      return [hashKey, createHash('sha256').update(bytes).digest('hex')];
    });
    return Object.fromEntries(await Promise.all(entries));
  };
  let manifest: unknown;
  try {
    manifest = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new NightshiftError('invalid_request', `${path} is not a JSON file.`, { field: 'manifest', cause });
  }
  return { declaration: z.looseObject({}).parse(await resolved(manifest)), assets };
}
