import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { Command } from 'commander';
import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { evaluateCommand } from './modelEvaluate.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { addFolder } from '../modelFolder.ts';
import { pullModel } from '../modelHub.ts';
import type { CommandFactory } from '../command.ts';

interface ModelOptions extends ApiOptions {
  readonly json?: true;
}

interface AddOptions extends ModelOptions {
  readonly name: string;
  readonly manifest?: string;
  readonly variant?: string;
  readonly pooling?: string;
  readonly modelVersion?: string;
}

interface PullOptions extends ModelOptions {
  readonly name?: string;
  readonly variant?: string;
  readonly pooling?: string;
  readonly hub?: string;
}

const modelSchema = z.looseObject({
  id: z.string(),
  x_model: z.object({ version: z.string(), description: z.string().nullable(), endpoint: z.string() }).nullable(),
});
const admittedSchema = modelSchema.extend({
  x_probe: z.object({
    ms_per_sample: z.number(),
    peak_memory_mb: z.number().nullable(),
    prefill_tokens_per_s: z.number().nullable(),
    decode_tokens_per_s: z.number().nullable(),
    classes_too_small: z.array(z.string()),
    energy_wh_per_1000_tokens: z.record(z.string(), z.object({ read: z.number(), written: z.number() })).nullable(),
  }),
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
  const report = (answer: unknown, { json }: ModelOptions): void => {
    const added = admittedSchema.parse(answer);
    if (json) return terminal.out(`${JSON.stringify(added, null, 2)}\n`);
    const { ms_per_sample: ms, peak_memory_mb: mb, classes_too_small: tooSmall } = added.x_probe;
    const { prefill_tokens_per_s: prefill, decode_tokens_per_s: decode } = added.x_probe;
    terminal.out(line(added));
    terminal.out(`  ${ms.toFixed(2)} ms a sample, at most ${mb ?? '?'} MiB, on this machine\n`);
    if (prefill !== null && decode !== null) {
      terminal.out(`  alone it reads ${prefill.toFixed(0)} and writes ${decode.toFixed(0)} tokens a second\n`);
    }
    for (const [id, { read, written }] of Object.entries(added.x_probe.energy_wh_per_1000_tokens ?? {})) {
      terminal.out(`  ${id}: ${read.toFixed(2)} Wh for 1,000 tokens read, ${written.toFixed(2)} for 1,000 written\n`);
    }
    if (tooSmall.length > 0)
      terminal.out(`  ${tooSmall.join(', ')}: too little memory, nothing of it is planned there\n`);
  };
  return new Command('model')
    .description('add, list and remove models')
    .addCommand(
      common('add')
        .description('have a model checked, measured and published; exit code 2 when it is refused')
        .argument('<path>', 'the folder of a model as it lies on disk, or one network, ONNX, with --manifest')
        .requiredOption('--name <name>', 'name that requests call it by')
        .option('--variant <variant>', 'of a folder with several networks: q4, fp16, quantized, ...')
        .option('--pooling <pooling>', 'of an embedding folder that does not say it: mean, cls or last')
        .option(
          '--manifest <file>',
          'of one network: its pipeline, JSON; files beside it are named tokenizerFile and so on',
        )
        .option('--model-version <version>', 'version; the first digits of its hash unless given')
        .action(async (path: string, options: AddOptions) => {
          const { name, variant, pooling, modelVersion: version } = options;
          const shared = { name, ...(version !== undefined && { version }) };
          const found = await stat(path).catch(() => undefined);
          if (!found) throw new NightshiftError('invalid_request', `There is no file or folder ${path}.`);
          const api = await openApi(options);
          if (found.isDirectory()) {
            const folder = { ...shared, ...(variant && { variant }), ...(pooling && { pooling }) };
            report(await addFolder(api, path, folder, terminal), options);
          } else {
            if (options.manifest === undefined) {
              const message = 'One network needs --manifest; a folder says itself what it is.';
              throw new NightshiftError('invalid_request', message);
            }
            const { declaration, assets } = await readManifest(options.manifest);
            const form = new FormData();
            form.append('manifest', JSON.stringify({ ...declaration, ...shared }));
            for (const [asset, bytes] of assets) form.append('assets', new Blob([new Uint8Array(bytes)]), asset);
            form.append('file', await openAsBlob(path), basename(path));
            report(await (await api.call('/v1/models', { method: 'POST', body: form })).json(), options);
          }
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('pull')
        .description('fetch a model from a hub such as Hugging Face, pinned to a commit, and add it')
        .argument('<model>', 'OWNER/NAME, or OWNER/NAME@REVISION')
        .option('--name <name>', 'name that requests call it by; OWNER/NAME unless given')
        .option('--variant <variant>', 'where there are several networks: q4, fp16, quantized, ...')
        .option('--pooling <pooling>', 'of an embedding model that does not say it: mean, cls or last')
        .option('--hub <url>', 'the hub; from the configuration unless given')
        .action(async (named: string, options: PullOptions) => {
          const { loadConfig } = await import('../../config/config.ts');
          const config = loadConfig({ env: process.env, cwd: process.cwd() });
          const below = join(config.stateDir, 'pulled');
          const { variant, pooling, hub = config.models.hub } = options;
          const { folder, repository, source } = await pullModel(hub, named, variant, below, terminal);
          const declared = { name: options.name ?? repository, source };
          const optional = { ...(variant && { variant }), ...(pooling && { pooling }) };
          report(await addFolder(await openApi(options), folder, { ...declared, ...optional }, terminal), options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(evaluateCommand(terminal, done))
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
      const bytes = await readFile(resolve(dirname(path), held)).catch((cause: unknown) => {
        throw new NightshiftError('invalid_request', `There is no file ${held} beside ${path}.`, { field: key, cause });
      });
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
