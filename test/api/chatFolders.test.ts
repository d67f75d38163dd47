import { cp, mkdtemp, readFile, rm, truncate, writeFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { cli } from '../cli/cliRun.ts';
import { writeTinyLlama } from '../support/tinyLlama.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useLiveApi } from './liveApi.ts';
import { useTinyChat } from './tinyChat.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);
const neighbour = useTinyChat(api);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-chat-folders-'));
  await writeTinyLlama(join(folder, 'whole'), { layout: 'huggingface', weights: 'fp32' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const model = (...argv: string[]) => cli('model', ...argv, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey);
const say = (name: string, content = 'The car') =>
  api.client.chat.completions.create({
    model: name,
    messages: [{ role: 'user', content }],
    max_completion_tokens: 4,
    temperature: 0,
  });

async function copied(name: string): Promise<string> {
  const place = join(folder, name);
  await cp(join(folder, 'whole'), place, { recursive: true });
  return place;
}

const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab: z.record(z.string(), z.number()) }),
  added_tokens: z.array(z.looseObject({ id: z.number(), content: z.string() })),
});
type Tokenizer = z.output<typeof tokenizerSchema>;

async function withTokenizer(name: string, change: (tokenizer: Tokenizer) => void): Promise<string> {
  const place = await copied(name);
  const file = join(place, 'tokenizer.json');
  const tokenizer = tokenizerSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  change(tokenizer);
  await writeFile(file, JSON.stringify(tokenizer));
  return place;
}

test('a chat model tells how fast it reads and writes, and with how much energy by class', async () => {
  const place = join(folder, 'whole');
  const { out } = await model('add', place, '--name', 'measured');
  expect(out).toMatch(/alone it reads \d+ and writes \d+ tokens a second/);
  expect(out).toMatch(/ai4: \d+\.\d\d Wh for 1,000 tokens read, \d+\.\d\d for 1,000 written/);
  const probe = z
    .object({
      x_probe: z.object({
        prefill_tokens_per_s: z.number(),
        decode_tokens_per_s: z.number(),
        energy_wh_per_1000_tokens: z.record(z.string(), z.object({ read: z.number(), written: z.number() })),
      }),
    })
    .parse(JSON.parse((await model('add', place, '--name', 'measured', '--json')).out)).x_probe;
  const { hw3, ai5 } = probe.energy_wh_per_1000_tokens;
  // 0.072 kW for as long as 1,000 tokens take.
  expect(hw3?.written).toBeCloseTo((72 * 1_000) / probe.decode_tokens_per_s / 3_600, 1);
  expect((ai5?.read ?? 0) / (hw3?.read ?? 1)).toBeCloseTo(800 / 72, 1);
});

describe('a folder that is not what it says', () => {
  test.each<[string, (place: string) => Promise<unknown>, string]>([
    [
      'a network cut short',
      async (place) => {
        const file = join(place, 'onnx/model.onnx');
        await truncate(file, Math.floor((await stat(file)).size / 2));
      },
      'The model is refused: ',
    ],
    ['half a tokenizer', (place) => truncate(join(place, 'tokenizer.json'), 500), 'tokenizer.json'],
    [
      'a template that is no Jinja',
      (place) => writeFile(join(place, 'chat_template.jinja'), '{% for'),
      'The model is refused: ',
    ],
    ['a config of another kind', (place) => writeFile(join(place, 'config.json'), '[]'), 'config.json'],
  ])('%s is refused, and its neighbour is answered', async (what, spoil, message) => {
    const place = await copied(what.replaceAll(' ', '-'));
    await spoil(place);
    const added = await model('add', place, '--name', 'spoiled');
    expect(added.code).toBe(2);
    expect(added.err).toContain(message);
    expect((await say(neighbour)).usage?.completion_tokens).toBeGreaterThan(0);
  });

  test('a tokenizer with more tokens than its network: a text that needs them is refused, others are answered', async () => {
    const place = await withTokenizer('too-many', ({ added_tokens: added }) => {
      const [first] = added;
      added.push({ ...first, id: 4_000, content: '<|beyond|>' });
    });
    expect(await model('add', place, '--name', 'too-many')).toMatchObject({ code: 0 });
    await expect(say('too-many', 'a <|beyond|> b')).rejects.toThrow('a token that the model does not know');
    expect((await say('too-many')).choices).toHaveLength(1);
  });

  test('a tokenizer with fewer tokens than its network: what it cannot spell is left out', async () => {
    const place = await withTokenizer('too-few', ({ model: { vocab } }) => {
      for (const [token, id] of Object.entries(vocab)) if (id > 200) delete vocab[token];
    });
    const added = await model('add', place, '--name', 'too-few');
    if (added.code !== 0) expect(added.err).toContain('The model is refused: ');
    else expect((await say('too-few')).choices).toHaveLength(1);
    expect((await say(neighbour)).choices).toHaveLength(1);
  });

  test('a context of a trillion tokens is cut to what the memory holds', async () => {
    const place = await copied('long');
    const config = { architectures: ['LlamaForCausalLM'], max_position_embeddings: 1e12 };
    await writeFile(join(place, 'config.json'), JSON.stringify(config));
    const added = await model('add', place, '--name', 'long');
    if (added.code !== 0) return expect(added.err).toContain('config.json');
    const asked = api.client.chat.completions.create({
      model: 'long',
      messages: [{ role: 'user', content: 'x' }],
      max_completion_tokens: 2_000_000,
    });
    await expect(asked).rejects.toThrow(/max_completion_tokens|tokens here/);
  });
});
