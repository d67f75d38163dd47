import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';

import { jsonOfFile } from '../models/jsonOfFile.ts';

const addedTokenSchema = z.object({
  id: z.number().int().min(0),
  content: z.string(),
  special: z.boolean().optional(),
});
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  decoder: z.unknown(),
  model: z.looseObject({
    vocab: z.union([z.record(z.string(), z.number().int().min(0)), z.array(z.tuple([z.string(), z.number()]))]),
  }),
});

/** More than any vocabulary has; a table is made of this length. */
const MAX_VOCABULARY = 2_000_000;

/** The tokens of a model, by id. */
export interface Vocabulary {
  /** Ids are below this. */
  readonly size: number;
  /** The ids of a text. Special tokens that it spells are taken as such. */
  encode(text: string, options: { readonly addSpecialTokens: boolean }): readonly number[];
  /** What the token writes; nothing for special ones and for ids that no token has. */
  bytesOf(id: number): Uint8Array;
  /** How the token is written in the tokenizer's files. */
  nameOf(id: number): string;
  isSpecial(id: number): boolean;
  /** Whether the first space of an answer belongs to the token's form and not to the text. */
  readonly stripsFirstSpace: boolean;
}

/**
 * Reads tokenizer.json and tokenizer_config.json. Bytes of tokens come from the kind of decoder: byte-level (GPT-2 and
 * its heirs) or byte fallback (SentencePiece).
 * @throws Error that says what is wrong with the files
 */
export function openVocabulary(tokenizerJson: string, configJson: string | undefined): Vocabulary {
  const json = jsonOfFile('tokenizer.json', tokenizerJson);
  const parsed = tokenizerSchema.safeParse(json);
  if (!parsed.success)
    throw new Error(`tokenizer.json: ${parsed.error.issues[0]?.path.join('.')} is not as it must be.`);
  const { vocab } = parsed.data.model;
  const entries = Array.isArray(vocab) ? vocab.map(([name], id) => [name, id] as const) : Object.entries(vocab);
  const added = parsed.data.added_tokens;
  const size = 1 + Math.max(...largestOf(entries.map(([, id]) => id)), ...largestOf(added.map(({ id }) => id)));
  if (size > MAX_VOCABULARY) throw new Error(`tokenizer.json has ids up to ${size}; the limit is ${MAX_VOCABULARY}.`);
  const names = Array.from<string>({ length: size }).fill('');
  for (const [name, id] of entries) names[id] = name;
  for (const { id, content } of added) names[id] = content;
  const special = new Set(added.filter((token) => token.special === true).map(({ id }) => id));
  const literal = new Set(added.map(({ id }) => id));
  const decoder = JSON.stringify(parsed.data.decoder ?? null);
  const toBytes = decoder.includes('"ByteLevel"') ? byteLevelBytes : fallbackBytes;
  const bytes: (Uint8Array | undefined)[] = [];
  const config = configJson === undefined ? {} : jsonOfFile('tokenizer_config.json', configJson);
  const tokenizer = new Tokenizer(z.looseObject({}).parse(json), z.looseObject({}).parse(config));

  return {
    size,
    encode: (text, { addSpecialTokens }) => tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    bytesOf: (id) => {
      if (special.has(id) || names[id] === undefined) return NO_BYTES;
      const name = names[id];
      return (bytes[id] ??= literal.has(id) ? Buffer.from(name) : toBytes(name));
    },
    nameOf: (id) => names[id] ?? '',
    isSpecial: (id) => special.has(id),
    stripsFirstSpace: decoder.includes('"Strip"'),
  };
}

const NO_BYTES = new Uint8Array();

/** Spreading a whole vocabulary into Math.max would overflow the stack. */
function largestOf(ids: readonly number[]): [number] {
  return [ids.reduce((most, id) => Math.max(most, id), -1)];
}

/** GPT-2 writes each byte as a printable character: itself where it is one, else one from 256 on. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = byteCharacters();

function byteCharacters(): Map<string, number> {
  const characters = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte += 1) {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    characters.set(String.fromCharCode(isPrintable ? byte : next++), byte);
  }
  return characters;
}

function byteLevelBytes(name: string): Uint8Array {
  return Buffer.concat(
    Array.from(name, (character) => {
      const byte = BYTE_OF_CHARACTER.get(character);
      return byte === undefined ? Buffer.from(character) : Buffer.of(byte);
    }),
  );
}

function fallbackBytes(name: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(name)?.[1];
  return byte === undefined ? Buffer.from(name.replaceAll('\u2581', ' ')) : Buffer.of(Number.parseInt(byte, 16));
}

/** The character that stands for a byte in a byte-level vocabulary. */
export function characterOfByte(byte: number): string {
  for (const [character, its] of BYTE_OF_CHARACTER) if (its === byte) return character;
  throw new Error(`${byte} is not a byte.`);
}
