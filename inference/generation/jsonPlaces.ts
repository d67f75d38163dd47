import type { Place } from './byteAutomaton.ts';

/** A piece of grammar: what comes, given what comes after it. */
export type Piece = (next: Place) => Place;

/** A schema that needs more is refused. */
const MAX_PLACES = 50_000;

/** The grammar would be larger than is taken. */
export class GrammarTooLarge extends Error {
  override readonly name = 'GrammarTooLarge';
}

/** Builds places and counts them. */
export class JsonPlaces {
  #count = 0;
  #anyValue: Place | undefined;

  get end(): Place {
    return { kind: 'end', id: this.#id() };
  }

  #id(): number {
    this.#count += 1;
    if (this.#count > MAX_PLACES) throw new GrammarTooLarge();
    return this.#count;
  }

  bytes(from: number, to = from): Piece {
    return (next) => ({ kind: 'bytes', id: this.#id(), from, to, next });
  }

  text(text: string): Piece {
    return this.sequence(...[...Buffer.from(text)].map((byte) => this.bytes(byte)));
  }

  sequence(...pieces: readonly Piece[]): Piece {
    return (next) => pieces.reduceRight((after, piece) => piece(after), next);
  }

  oneOf(...pieces: readonly Piece[]): Piece {
    return (next) => ({ kind: 'choice', id: this.#id(), ways: pieces.map((piece) => piece(next)) });
  }

  optional(piece: Piece): Piece {
    return this.oneOf(piece, (next) => next);
  }

  /** @param most undefined: without end */
  repeat(piece: Piece, least: number, most?: number): Piece {
    return (next) => {
      let after: Place;
      if (most === undefined) {
        const loop: Place = { kind: 'choice', id: this.#id(), ways: [next] };
        loop.ways.push(piece(loop));
        after = loop;
      } else {
        after = next;
        for (let count = least; count < most; count += 1) {
          after = { kind: 'choice', id: this.#id(), ways: [piece(after), next] };
        }
      }
      for (let count = 0; count < least; count += 1) after = piece(after);
      return after;
    };
  }

  /** A rule that may stand within itself. */
  call(rule: () => Place): Piece {
    return (next) => ({ kind: 'call', id: this.#id(), rule, next });
  }

  /** Between tokens of JSON. Bounded, since a model that may write spaces for ever sometimes does. */
  get space(): Piece {
    const blank = this.bytes(0x20);
    return this.optional(this.oneOf(blank, this.sequence(this.bytes(0x0a), this.repeat(blank, 0, 24))));
  }

  string(least = 0, most?: number): Piece {
    return this.sequence(this.bytes(0x22), this.repeat(this.#character(), least, most), this.bytes(0x22));
  }

  /** A character of a JSON string: UTF-8, or an escape that is not half of a pair. */
  #character(): Piece {
    const tail = this.bytes(0x80, 0xbf);
    const hex = this.oneOf(this.bytes(0x30, 0x39), this.bytes(0x41, 0x46), this.bytes(0x61, 0x66));
    const notD = this.oneOf(
      this.bytes(0x30, 0x39),
      this.bytes(0x41, 0x43),
      this.bytes(0x45, 0x46),
      this.bytes(0x61, 0x63),
      this.bytes(0x65, 0x66),
    );
    const letterD = this.oneOf(this.bytes(0x44), this.bytes(0x64));
    const unicode = this.sequence(
      this.bytes(0x75),
      this.oneOf(this.sequence(notD, hex, hex, hex), this.sequence(letterD, this.bytes(0x30, 0x37), hex, hex)),
    );
    const simple = [...Buffer.from('"\\/bfnrt')].map((byte) => this.bytes(byte));
    return this.oneOf(
      this.bytes(0x20, 0x21),
      this.bytes(0x23, 0x5b),
      this.bytes(0x5d, 0x7f),
      this.sequence(this.bytes(0xc2, 0xdf), tail),
      this.sequence(this.bytes(0xe0), this.bytes(0xa0, 0xbf), tail),
      this.sequence(this.bytes(0xe1, 0xec), tail, tail),
      this.sequence(this.bytes(0xed), this.bytes(0x80, 0x9f), tail),
      this.sequence(this.bytes(0xee, 0xef), tail, tail),
      this.sequence(this.bytes(0xf0), this.bytes(0x90, 0xbf), tail, tail),
      this.sequence(this.bytes(0xf1, 0xf3), tail, tail, tail),
      this.sequence(this.bytes(0xf4), this.bytes(0x80, 0x8f), tail, tail),
      this.sequence(this.bytes(0x5c), this.oneOf(...simple, unicode)),
    );
  }

  /** At most 15 digits: what doubles hold exactly. */
  integer(): Piece {
    const digit = this.bytes(0x30, 0x39);
    return this.sequence(
      this.optional(this.bytes(0x2d)),
      this.oneOf(this.bytes(0x30), this.sequence(this.bytes(0x31, 0x39), this.repeat(digit, 0, 14))),
    );
  }

  number(): Piece {
    const digit = this.bytes(0x30, 0x39);
    const sign = this.optional(this.oneOf(this.bytes(0x2b), this.bytes(0x2d)));
    return this.sequence(
      this.integer(),
      this.optional(this.sequence(this.bytes(0x2e), this.repeat(digit, 1, 15))),
      this.optional(this.sequence(this.oneOf(this.bytes(0x65), this.bytes(0x45)), sign, this.repeat(digit, 1, 2))),
    );
  }

  boolean(): Piece {
    return this.oneOf(this.text('true'), this.text('false'));
  }

  array(item: Piece, least: number, most?: number): Piece {
    const more = this.sequence(this.space, this.bytes(0x2c), this.space, item);
    const some = this.sequence(
      item,
      this.repeat(more, Math.max(0, least - 1), most === undefined ? undefined : most - 1),
    );
    const inner = most === 0 ? this.space : least > 0 ? some : this.optional(some);
    return this.sequence(this.bytes(0x5b), this.space, inner, this.space, this.bytes(0x5d));
  }

  /** Any keys with values of one kind. */
  map(value: Piece): Piece {
    const pair = this.sequence(this.string(), this.space, this.bytes(0x3a), this.space, value);
    const more = this.sequence(this.space, this.bytes(0x2c), this.space, pair);
    const pairs = this.optional(this.sequence(pair, this.repeat(more, 0)));
    return this.sequence(this.bytes(0x7b), this.space, pairs, this.space, this.bytes(0x7d));
  }

  /** Named members in their order, those that are not required left out at will. */
  members(members: readonly { readonly key: string; readonly value: Piece; readonly required: boolean }[]): Piece {
    return (next) => {
      const close = this.sequence(this.space, this.bytes(0x7d))(next);
      // From the last member to the first: what may follow when one was written already, and when none was.
      let [afterSome, afterNone] = [close, close];
      for (const { key, value, required } of members.toReversed()) {
        const pair = this.sequence(this.text(JSON.stringify(key)), this.space, this.bytes(0x3a), this.space, value);
        const [skipSome, skipNone] = [afterSome, afterNone];
        const written = afterSome;
        const later = this.sequence(this.space, this.bytes(0x2c), this.space, pair)(written);
        const first = pair(written);
        afterSome = required ? later : { kind: 'choice', id: this.#id(), ways: [later, skipSome] };
        afterNone = required ? first : { kind: 'choice', id: this.#id(), ways: [first, skipNone] };
      }
      return this.sequence(this.bytes(0x7b), this.space)(afterNone);
    };
  }

  anyObject(): Piece {
    return this.map(this.anyValue());
  }

  anyValue(): Piece {
    return this.call(() => {
      this.#anyValue ??= this.oneOf(
        this.string(),
        this.number(),
        this.boolean(),
        this.text('null'),
        this.array(this.anyValue(), 0),
        this.map(this.anyValue()),
      )(this.end);
      return this.#anyValue;
    });
  }
}
