import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import { selectModelFiles } from '../../domain/modelFolders.ts';
import { endpointsOf } from '../../domain/models.ts';
import { folderDeclarationSchema } from '../../domain/modelUploads.ts';
import { recogniseFolder } from '../../inference/models/recogniseFolder.ts';
import { pathsBelow } from '../../cli/modelFolder.ts';

/** A chat model as it lies on disk. */
export interface ChatModel {
  /** Absolute. */
  readonly folder: string;
  /** Of the folder's networks, the one to run; undefined where it has one. */
  readonly variant: string | undefined;
  /** What requests call it by. */
  readonly name: string;
}

/** Nothing is hashed here: what the files are is all that is asked. */
const NOT_HASHED = '0'.repeat(64);

/**
 * Looks at a folder before anything starts: a night that finds out at its beginning that it has no chat model would have
 * made its user wait for nothing.
 * @param variant which of its networks, where it has several
 * @throws NightshiftError `invalid_request` or `model_refused` that says what is wrong with the folder
 */
export async function readChatModel(path: string, variant: string | undefined): Promise<ChatModel> {
  const folder = resolve(path);
  const found = await stat(folder).catch(() => undefined);
  if (!found) throw wrongFolder(`There is no folder ${folder}.`);
  if (!found.isDirectory()) throw wrongFolder(`${folder} is a file; name the folder of the model.`);
  const selected = selectModelFiles(await pathsBelow(folder), variant);
  const files = await Promise.all(
    selected.paths.map(async (each) => ({
      path: each,
      sha256: NOT_HASHED,
      sizeBytes: (await stat(join(folder, each))).size,
    })),
  );
  const name = basename(folder).replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  const declared = folderDeclarationSchema.safeParse({ name, ...(variant !== undefined && { variant }) });
  if (!declared.success)
    throw wrongFolder(`${folder}: the name ${issueText(declared.error.issues[0])}; rename the folder.`);
  const pipeline = await recogniseFolder({ root: folder, files, declaration: declared.data }, selected, false);
  if (pipeline.kind !== 'text-generation') {
    const [endpoint] = endpointsOf(name, pipeline);
    throw wrongFolder(`The model in ${folder} answers ${endpoint}; the night needs one that chats.`);
  }
  if (!pipeline.chat) {
    throw wrongFolder(
      `The model in ${folder} has no chat template (tokenizer_config.json or chat_template.jinja): take its variant for chats, often named Instruct.`,
    );
  }
  return { folder, variant, name };
}

function wrongFolder(message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field: 'model' });
}
