const TOKENS = [
  '',
  '\0',
  '\n',
  '\r\n',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  'null',
  'NaN',
  '-1',
  '0',
  '1e999',
  '99999999999999999999',
  '"__proto__":',
  '"custom_id":"a"',
  '\uD800',
  '\u2028',
  '--',
  '%00',
  '../',
  '\xFF',
  'true',
  ':',
  ',',
].map((text) => Buffer.from(text));

/** The bytes with one to four changes: bits turned, pieces cut, doubled, moved, or tokens put in that mean something. */
export function mutated(valid: Uint8Array, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(valid);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length + 1);
    const length = below(Math.min(64, bytes.length - at + 1));
    const [before, piece, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, at + length),
      bytes.subarray(at + length),
    ];
    switch (below(7)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        bytes = Buffer.concat([before, after]);
        break;
      case 2:
        bytes = Buffer.concat([before, piece, piece, after]);
        break;
      case 3:
        bytes = Buffer.concat([before, TOKENS[below(TOKENS.length)] ?? Buffer.alloc(0), after]);
        break;
      case 4:
        bytes = Buffer.concat([after, piece, before]);
        break;
      case 5:
        bytes = Buffer.from(before);
        break;
      default:
        bytes = Buffer.concat([before, Buffer.alloc(length, below(256)), after]);
    }
  }
  return bytes;
}
