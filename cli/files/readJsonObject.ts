import { createReadStream } from 'node:fs';

import { NightshiftError } from '../../domain/errors.ts';
import { codeOf, messageOf } from '../../domain/thrown.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * Reads one JSON object from a file of any size: values and the elements of the object's own arrays are parsed one by
 * one, since a file of a million cars is longer than the longest string that Node can hold.
 * @throws NightshiftError not_found or invalid_request, naming the file and where in it
 */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  try {
    return await parseJsonObject(createReadStream(file, { highWaterMark: CHUNK_BYTES }), file);
  } catch (thrown) {
    if (thrown instanceof NightshiftError) throw thrown;
    if (codeOf(thrown) === 'ENOENT') throw new NightshiftError('not_found', `${file} does not exist.`, { field: file });
    throw new NightshiftError('invalid_request', `${file} cannot be read: ${messageOf(thrown)}`, { field: file });
  }
}

/** Parses one JSON object that comes in pieces, cut anywhere. */
export async function parseJsonObject(chunks: AsyncIterable<Buffer>, name: string): Promise<Record<string, unknown>> {
  const scanner = new ObjectScanner(name);
  for await (const chunk of chunks) scanner.push(chunk);
  return scanner.finish();
}

type Expecting =
  | 'object'
  | 'first_key'
  | 'key'
  | 'colon'
  | 'value'
  | 'after_value'
  | 'first_element'
  | 'element'
  | 'after_element'
  | 'nothing';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

class ObjectScanner {
  readonly #file: string;
  readonly #object: Record<string, unknown> = {};
  #expecting: Expecting = 'object';
  #key = '';
  #elements: unknown[] = [];
  /** What is not yet parsed: the value that is being scanned begins at 0. */
  #rest: Buffer = Buffer.alloc(0);
  /** Where the scan of an unfinished value goes on, and its state there. */
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #bytesBefore = 0;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < this.#rest.length) {
      const byte = this.#rest[at] ?? 0;
      if (this.#scanned === 0 && isSpace(byte)) {
        at++;
        continue;
      }
      const next = this.#take(at, byte);
      if (next === null) break;
      at = next;
    }
    this.#bytesBefore += at;
    this.#rest = this.#rest.subarray(at);
  }

  finish(): Record<string, unknown> {
    if (this.#expecting !== 'nothing') throw this.#wrong('the file ends too early', this.#rest.length);
    return this.#object;
  }

  /** Takes what begins at `at`; gives where to go on, or null when the value is not complete yet. */
  #take(at: number, byte: number): number | null {
    switch (this.#expecting) {
      case 'object':
        return this.#sign(at, byte === OPEN_BRACE, 'first_key', 'a JSON object was expected');
      case 'colon':
        return this.#sign(at, byte === COLON, 'value', 'a colon was expected');
      case 'first_key':
        if (byte === CLOSE_BRACE) return this.#sign(at, true, 'nothing', '');
        return this.#takeKey(at, byte);
      case 'key':
        return this.#takeKey(at, byte);
      case 'value': {
        if (byte !== OPEN_BRACKET) return this.#takeValue(at, this.#key, (value) => this.#store(value));
        this.#elements = [];
        return this.#sign(at, true, 'first_element', '');
      }
      case 'after_value':
        if (byte === CLOSE_BRACE) return this.#sign(at, true, 'nothing', '');
        return this.#sign(at, byte === COMMA, 'key', 'a comma or } was expected');
      case 'first_element':
        if (byte === CLOSE_BRACKET) return this.#endArray(at);
        return this.#takeElement(at);
      case 'element':
        return this.#takeElement(at);
      case 'after_element':
        if (byte === CLOSE_BRACKET) return this.#endArray(at);
        return this.#sign(at, byte === COMMA, 'element', 'a comma or ] was expected');
      case 'nothing':
        break;
    }
    throw this.#wrong('nothing was expected after the object', at);
  }

  #sign(at: number, isRight: boolean, then: Expecting, problem: string): number {
    if (!isRight) throw this.#wrong(problem, at);
    this.#expecting = then;
    return at + 1;
  }

  #takeKey(at: number, byte: number): number | null {
    if (byte !== QUOTE) throw this.#wrong('a key in double quotes was expected', at);
    return this.#takeValue(at, 'a key', (key) => {
      this.#key = String(key);
      this.#expecting = 'colon';
    });
  }

  #takeElement(at: number): number | null {
    return this.#takeValue(at, `${this.#key}[${this.#elements.length}]`, (element) => {
      this.#elements.push(element);
      this.#expecting = 'after_element';
    });
  }

  #endArray(at: number): number {
    this.#store(this.#elements);
    return at + 1;
  }

  #store(value: unknown): void {
    // As an own property whatever its name, so that a key like __proto__ stays data.
    Object.defineProperty(this.#object, this.#key, { value, enumerable: true, writable: true, configurable: true });
    this.#expecting = 'after_value';
  }

  #takeValue(at: number, name: string, use: (value: unknown) => void): number | null {
    const end = this.#endOfValue(at);
    if (end === null) return null;
    this.#scanned = 0;
    let value: unknown;
    try {
      value = JSON.parse(this.#rest.toString('utf8', at, end));
    } catch (thrown) {
      throw this.#wrong(`${name} is not JSON (${messageOf(thrown)})`, at);
    }
    use(value);
    return end;
  }

  #endOfValue(start: number): number | null {
    const bytes = this.#rest;
    let depth = this.#depth;
    let inString = this.#inString;
    for (let at = start + this.#scanned; at < bytes.length; at++) {
      const byte = bytes[at];
      if (inString) {
        if (byte === BACKSLASH) {
          if (at + 1 >= bytes.length) return this.#pause(at - start, depth, inString);
          at++;
        } else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) return this.#complete(at + 1);
        }
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (depth === 0) return this.#complete(at);
        depth--;
        if (depth === 0) return this.#complete(at + 1);
      } else if (depth === 0 && (byte === COMMA || isSpace(byte ?? 0))) {
        return this.#complete(at);
      }
    }
    return this.#pause(bytes.length - start, depth, inString);
  }

  #complete(end: number): number {
    this.#depth = 0;
    this.#inString = false;
    return end;
  }

  #pause(scanned: number, depth: number, inString: boolean): null {
    this.#scanned = scanned;
    this.#depth = depth;
    this.#inString = inString;
    return null;
  }

  #wrong(problem: string, at: number): NightshiftError {
    const message = `${this.#file}, byte ${this.#bytesBefore + at}: ${problem}.`;
    return new NightshiftError('invalid_request', message, { field: this.#file });
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
