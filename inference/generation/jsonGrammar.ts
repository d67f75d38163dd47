import { BadRequest } from '../runner/openInference.ts';
import { ByteAutomaton, type State } from './byteAutomaton.ts';
import { GrammarTooLarge, JsonPlaces, type Piece } from './jsonPlaces.ts';
import { schemaPiece, UnsupportedSchema } from './jsonSchema.ts';
import type { TokenMask } from './sampling.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What an answer may be, as masks over the model's tokens. */
export interface JsonGrammar {
  matcher(): JsonMatcher;
}

/** Where one answer is in its grammar. */
export interface JsonMatcher {
  /** Tokens that may come next; not to be changed. */
  mask(): TokenMask;
  accept(id: number): void;
  /** Whether nothing may follow. */
  readonly complete: boolean;
}

export interface GrammarCompiler {
  anyObject(): JsonGrammar;
  /** @throws BadRequest that names the keyword */
  schema(schema: Readonly<Record<string, unknown>>): JsonGrammar;
}

/** Requests of a batch share a schema; more than these are compiled again. */
const KEPT_GRAMMARS = 16;
const MAX_SCHEMA_CHARACTERS = 100_000;
const PARAM = 'response_format.json_schema.schema';

interface SpelledToken {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Bytes that it begins with like the one before it. */
  readonly shared: number;
}

export function createGrammarCompiler(
  vocabulary: Vocabulary,
  vocabularySize: number,
  endTokens: ReadonlySet<number>,
): GrammarCompiler {
  const grammars = new Map<string, JsonGrammar>();
  let tokens: readonly SpelledToken[] | undefined;
  const compile = (key: string, piece: (places: JsonPlaces) => Piece): JsonGrammar => {
    const known = grammars.get(key);
    if (known) return known;
    tokens ??= spelledTokens(vocabulary, vocabularySize, endTokens);
    const places = new JsonPlaces();
    const automaton = new ByteAutomaton(piece(places)(places.end));
    if (automaton.start.tops.length === 0) throw new UnsupportedSchema('schema', 'has no value that ends');
    const grammar = tokenGrammar(automaton, tokens, vocabulary, vocabularySize, endTokens);
    const [oldest] = grammars.keys();
    if (grammars.size >= KEPT_GRAMMARS && oldest !== undefined) grammars.delete(oldest);
    grammars.set(key, grammar);
    return grammar;
  };
  return {
    anyObject: () => compile('', (places) => places.anyObject()),
    schema: (schema) => {
      const key = JSON.stringify(schema);
      if (key.length > MAX_SCHEMA_CHARACTERS) {
        throw new BadRequest(
          'unsupported_schema',
          PARAM,
          `${PARAM} has more than ${MAX_SCHEMA_CHARACTERS} characters.`,
        );
      }
      try {
        return compile(key, (places) => schemaPiece(schema, places));
      } catch (error) {
        if (error instanceof GrammarTooLarge) {
          throw new BadRequest('unsupported_schema', PARAM, `${PARAM} is too large once its counts are written out.`);
        }
        if (!(error instanceof UnsupportedSchema)) throw error;
        const param = `response_format.json_schema.${error.path}`;
        throw new BadRequest('unsupported_schema', param, `${param} ${error.message}.`);
      }
    },
  };
}

function tokenGrammar(
  automaton: ByteAutomaton,
  tokens: readonly SpelledToken[],
  vocabulary: Vocabulary,
  vocabularySize: number,
  endTokens: ReadonlySet<number>,
): JsonGrammar {
  const masks = new WeakMap<State, TokenMask>();
  const maskOf = (state: State): TokenMask => {
    const known = masks.get(state);
    if (known) return known;
    const mask = new Uint32Array(Math.ceil(vocabularySize / 32));
    const allow = (id: number): void => {
      mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31));
    };
    // States after each byte of the token at hand, as far as the grammar goes along.
    const reached: State[] = [state];
    for (const { id, bytes, shared } of tokens) {
      // A token that begins like one that was refused at that very byte is refused too.
      if (reached.length - 1 < shared) continue;
      reached.length = shared + 1;
      for (let at = shared; at < bytes.length; at += 1) {
        const before = reached[at];
        const next = before ? automaton.step(before, bytes[at] ?? 0) : null;
        if (!next) break;
        reached.push(next);
      }
      if (reached.length === bytes.length + 1) allow(id);
    }
    if (state.accepts) for (const id of endTokens) if (id < vocabularySize) allow(id);
    masks.set(state, mask);
    return mask;
  };
  return {
    matcher: () => {
      let state = automaton.start;
      return {
        mask: () => maskOf(state),
        accept: (id) => {
          for (const byte of vocabulary.bytesOf(id)) state = automaton.step(state, byte) ?? state;
        },
        get complete() {
          return state.final;
        },
      };
    },
  };
}

/** Sorted by their bytes, so that what neighbours begin with is walked once. */
function spelledTokens(
  vocabulary: Vocabulary,
  vocabularySize: number,
  endTokens: ReadonlySet<number>,
): readonly SpelledToken[] {
  const spelled = Array.from({ length: Math.min(vocabulary.size, vocabularySize) }, (_, id) => ({
    id,
    bytes: Buffer.from(vocabulary.bytesOf(id)),
  })).filter(({ id, bytes }) => bytes.length > 0 && !endTokens.has(id));
  spelled.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  return spelled.map((token, index) => {
    const before = spelled[index - 1]?.bytes ?? Buffer.alloc(0);
    let shared = 0;
    while (shared < before.length && before[shared] === token.bytes[shared]) shared += 1;
    return { ...token, shared };
  });
}
