import { NightshiftError } from '../../domain/errors.ts';
import { isStorableText } from '../../domain/storableText.ts';
import { UNSTORABLE } from './storableRequest.ts';

/** One part of a multipart/form-data body. Its bytes are read from the request as `body` is read. */
export interface MultipartPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

const MAX_PARTS = 20;
const MAX_HEADER_BYTES = 16 * 1024;
const LINE_BREAK = Buffer.from('\r\n');
const HEADER_END = Buffer.from('\r\n\r\n');

/**
 * Reads a form part by part without holding it: hono and fetch would keep a file of 200 MB in memory. Read a part's
 * body to its end or not at all; one that is not read is skipped when the next part is asked for.
 * @throws NightshiftError `invalid_request` for a body that is cut short or malformed.
 */
export async function* readMultipart(
  contentType: string | undefined,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<MultipartPart> {
  const reader = createReader(chunks);
  const delimiter = Buffer.from(`\r\n--${boundaryOf(contentType)}`);
  // The first delimiter may stand at the very start, where no line break comes before it.
  reader.prepend(LINE_BREAK);
  await skip(reader.until(delimiter));
  for (let parts = 0; !(await isLastDelimiter(reader)); parts += 1) {
    if (parts === MAX_PARTS) throw malformed(`has more than ${MAX_PARTS} parts`);
    const { name, filename } = await readHeaders(reader);
    if (!isStorableText(name)) throw malformed('has a part whose name cannot be stored');
    if (!isStorableText(filename ?? '')) throw unstorable(name);
    const body = reader.until(delimiter);
    yield { name, filename, body };
    await skip(body);
  }
}

/** The part's text, for the fields of a form. */
export async function readField(part: MultipartPart, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of part.body) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) {
      throw new NightshiftError('invalid_request', `${part.name} has more than ${maxBytes} bytes.`, {
        field: part.name,
      });
    }
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString('utf8');
  if (!isStorableText(text)) throw unstorable(part.name);
  return text;
}

function unstorable(field: string): NightshiftError {
  return new NightshiftError('invalid_request', `${field}: ${UNSTORABLE}`, { field });
}

interface Reader {
  prepend(bytes: Buffer): void;
  /** Everything before the next `mark`, and takes the mark too. */
  until(mark: Buffer): AsyncGenerator<Uint8Array>;
  /** Exactly so many bytes. */
  take(bytes: number): Promise<Buffer>;
}

function createReader(chunks: AsyncIterable<Uint8Array>): Reader {
  const source = chunks[Symbol.asyncIterator]();
  let buffer: Buffer = Buffer.alloc(0);

  const fill = async (): Promise<void> => {
    const next = await source.next();
    if (next.done) throw malformed('ends before its last boundary');
    const { buffer: memory, byteOffset, byteLength } = next.value;
    const chunk = Buffer.from(memory, byteOffset, byteLength);
    buffer = buffer.byteLength === 0 ? chunk : Buffer.concat([buffer, chunk]);
  };

  return {
    prepend: (bytes) => {
      buffer = Buffer.concat([bytes, buffer]);
    },
    until: async function* until(mark) {
      for (;;) {
        const at = buffer.indexOf(mark);
        // A mark may have begun in the last bytes: they wait for the next chunk.
        const safeBytes = at === -1 ? buffer.byteLength - mark.byteLength + 1 : at;
        if (safeBytes > 0) {
          const piece = buffer.subarray(0, safeBytes);
          buffer = buffer.subarray(safeBytes);
          yield piece;
        }
        if (at !== -1) {
          buffer = buffer.subarray(mark.byteLength);
          return;
        }
        await fill();
      }
    },
    take: async (bytes) => {
      while (buffer.byteLength < bytes) await fill();
      const taken = buffer.subarray(0, bytes);
      buffer = buffer.subarray(bytes);
      return taken;
    },
  };
}

async function isLastDelimiter(reader: Reader): Promise<boolean> {
  const mark = (await reader.take(2)).toString('latin1');
  if (mark === '--') return true;
  if (mark === '\r\n') return false;
  throw malformed('has a boundary that is not followed by a line break');
}

async function readHeaders(reader: Reader): Promise<{ name: string; filename: string | undefined }> {
  // A part without headers ends its header at once; the line break of the boundary begins that mark.
  reader.prepend(LINE_BREAK);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of reader.until(HEADER_END)) {
    bytes += piece.byteLength;
    if (bytes > MAX_HEADER_BYTES) throw malformed(`has a part whose headers are longer than ${MAX_HEADER_BYTES} bytes`);
    pieces.push(piece);
  }
  const headers = Buffer.concat(pieces).toString('utf8');
  const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(headers)?.[1] ?? '';
  const name = parameter(disposition, 'name');
  if (name === undefined) throw malformed('has a part without a name');
  return { name, filename: parameter(disposition, 'filename') };
}

function parameter(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]+))`, 'i').exec(header);
  if (!match) return undefined;
  // Browsers and fetch escape these three in names, and nothing else.
  return (match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '').replace(/%(22|0D|0A)/gi, (escape) =>
    decodeURIComponent(escape),
  );
}

function boundaryOf(contentType: string | undefined): string {
  const match = /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType ?? '');
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) {
    throw new NightshiftError('invalid_request', 'The body must be multipart/form-data with a boundary.', {
      field: 'content-type',
    });
  }
  return boundary;
}

async function skip(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks);
}

function malformed(how: string): NightshiftError {
  return new NightshiftError('invalid_request', `The multipart body ${how}.`);
}
