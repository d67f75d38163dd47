import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readChatModel } from '../../../demo/work/chatModel.ts';
import { writeTinyLlama } from '../../support/tinyLlama.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-chat-model-'));
  await writeTinyLlama(join(folder, 'tiny llama!'), { layout: 'huggingface', weights: 'q4' });
  await writeTinyLlama(join(folder, 'genai'), { layout: 'onnxruntime-genai', weights: 'fp16' });
});
afterAll(() => rm(folder, { recursive: true }));

/** A copy of the model with other files; undefined removes one. */
async function changed(name: string, files: Readonly<Record<string, string | undefined>>): Promise<string> {
  const copy = join(folder, name);
  await cp(join(folder, 'tiny llama!'), copy, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    if (content === undefined) await rm(join(copy, path));
    else await writeFile(join(copy, path), content);
  }
  return copy;
}

describe('the folder of a chat model', () => {
  test('of either layout is taken, and named so that requests can call it', async () => {
    const path = join(folder, 'tiny llama!');
    expect(await readChatModel(path, undefined)).toEqual({ folder: path, variant: undefined, name: 'tiny-llama-' });
    expect(await readChatModel(join(folder, 'genai'), undefined)).toMatchObject({ name: 'genai' });
  });

  test('that has several networks needs a variant', async () => {
    const path = await changed('two', { 'onnx/model_q4.onnx': 'x' });
    await expect(readChatModel(path, undefined)).rejects.toThrow('the variants fp32, q4: choose one with --variant');
    await expect(readChatModel(path, 'fp16')).rejects.toThrow('no variant "fp16"');
    expect(await readChatModel(path, 'q4')).toMatchObject({ variant: 'q4' });
  });

  test.each([
    ['no network', { 'onnx/model.onnx': undefined }, 'no network named model.onnx'],
    ['no tokenizer', { 'tokenizer.json': undefined }, 'has no tokenizer.json'],
    ['no config', { 'config.json': undefined }, 'has no config.json'],
    ['half a config', { 'config.json': '{"archi' }, 'its config.json is not JSON'],
    ['no template', { 'tokenizer_config.json': '{}' }, 'has no chat template'],
    [
      'an encoder',
      {
        'config.json': JSON.stringify({ architectures: ['BertModel'], hidden_size: 64 }),
        'modules.json': JSON.stringify([{ type: 'sentence_transformers.models.Normalize' }]),
      },
      'does not say how token vectors become one',
    ],
    [
      'a classifier',
      {
        'config.json': JSON.stringify({ architectures: ['XForSequenceClassification'], id2label: { 0: 'a', 1: 'b' } }),
      },
      'answers /v1/moderations; the night needs one that chats',
    ],
  ])('with %s is refused with what it lacks', async (name, files, message) => {
    await expect(readChatModel(await changed(name, files), undefined)).rejects.toThrow(message);
  });

  test('that is not there, is a file, or is empty', async () => {
    await expect(readChatModel(join(folder, 'none'), undefined)).rejects.toThrow('There is no folder');
    await expect(readChatModel(join(folder, 'genai', 'model.onnx'), undefined)).rejects.toThrow('is a file');
    await mkdir(join(folder, 'empty'));
    await expect(readChatModel(join(folder, 'empty'), undefined)).rejects.toThrow('no network');
  });
});
