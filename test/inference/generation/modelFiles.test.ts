import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readLanguageModelFiles } from '../../../inference/generation/modelFiles.ts';
import { writeTinyLlama } from '../../support/tinyLlama.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-files-'));
  await writeTinyLlama(folder, { layout: 'huggingface', weights: 'fp32' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The folder's files, but some of them. */
const filesWith = (changed: Readonly<Record<string, string | undefined>>) =>
  readLanguageModelFiles(async (path) =>
    Object.hasOwn(changed, path) ? changed[path] : readFile(join(folder, path), 'utf8').catch(() => undefined),
  );

test('a chat template stands in its own file, Jinja or JSON, or in tokenizer_config.json', async () => {
  const json = { 'chat_template.json': '{"chat_template":"from json"}' };
  expect((await filesWith({})).chatTemplate).toContain('message');
  expect((await filesWith(json)).chatTemplate).toBe('from json');
  expect((await filesWith({ ...json, 'chat_template.jinja': 'from jinja' })).chatTemplate).toBe('from jinja');
});

test.each([
  [{ max_position_embeddings: 77, n_positions: 5 }, 77],
  [{ n_positions: 99 }, 99],
  [{}, 1_024],
])('%j has a context of %i tokens', async (config, tokens) => {
  expect((await filesWith({ 'config.json': JSON.stringify(config) })).contextTokens).toBe(tokens);
});

describe('hostile files', () => {
  test.each([
    ['no tokenizer', { 'tokenizer.json': undefined }, /no tokenizer\.json/],
    ['no JSON', { 'tokenizer.json': '{' }, /JSON/],
    ['no vocabulary', { 'tokenizer.json': '{"model":{}}' }, /tokenizer\.json/],
    [
      'ids beyond all vocabularies',
      { 'tokenizer.json': '{"decoder":null,"model":{"vocab":{"a":4000000000}}}' },
      /limit/,
    ],
    [
      'ids of added tokens beyond all',
      { 'tokenizer.json': '{"model":{"vocab":{}},"added_tokens":[{"id":1e15,"content":"x"}]}' },
      /limit|tokenizer\.json/,
    ],
    ['a context of no size', { 'config.json': '{"max_position_embeddings":-1}' }, /config\.json/],
    ['a context that is no number', { 'config.json': '{"max_position_embeddings":"many"}' }, /config\.json/],
    ['a template that is no text', { 'chat_template.json': '{"chat_template":1}' }, /chat_template\.json/],
  ])('%s: an error that names the file', async (_, changed, message) => {
    await expect(filesWith(changed)).rejects.toThrow(message);
  });
});
