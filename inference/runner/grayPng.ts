import { inflateSync } from 'node:zlib';
import { BadRequest } from './openInference.ts';

export interface GrayImage {
  readonly widthPx: number;
  readonly heightPx: number;
  /** One byte a pixel, row by row. */
  readonly pixels: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const PARAM = 'inputs.0.data.0';

/** Whether it says that it is an 8-bit grayscale PNG of that height, without alpha or interlacing. */
export function isGrayPngOfHeight(bytes: Buffer, heightPx: number): boolean {
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(SIGNATURE) || bytes.toString('latin1', 12, 16) !== 'IHDR') {
    return false;
  }
  const [depth, colorType, , , interlace] = bytes.subarray(24, 29);
  return depth === 8 && colorType === 0 && interlace === 0 && bytes.readUInt32BE(20) === heightPx;
}

/**
 * Decodes a PNG of that kind. General decoders go by way of RGBA, which costs a few per cent of a line's inference. The
 * header's size bounds what is inflated, since a few bytes can declare, or unpack to, gigabytes.
 * @throws BadRequest
 */
export function decodeGrayPng(bytes: Buffer, limits: { heightPx: number; maxWidthPx: number }): GrayImage {
  const widthPx = bytes.readUInt32BE(16);
  const { heightPx } = limits;
  if (widthPx < 1 || widthPx > limits.maxWidthPx) {
    const message = `The image is ${widthPx} x ${heightPx} px; it must be at most ${limits.maxWidthPx} px wide.`;
    throw new BadRequest('invalid_image_size', PARAM, message);
  }
  const rows = inflateRows(bytes, (widthPx + 1) * heightPx);
  return { widthPx, heightPx, pixels: undoFilters(rows, widthPx, heightPx) };
}

/** Every row as it was packed: its filter's number, then its bytes. */
function inflateRows(bytes: Buffer, expectedBytes: number): Buffer {
  const packed: Buffer[] = [];
  for (let start = 8; start + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(start);
    const type = bytes.toString('latin1', start + 4, start + 8);
    if (type === 'IDAT') packed.push(bytes.subarray(start + 8, start + 8 + length));
    start += 12 + length;
  }
  let rows: Buffer;
  try {
    rows = inflateSync(Buffer.concat(packed), { maxOutputLength: expectedBytes });
  } catch {
    throw damaged();
  }
  if (rows.length !== expectedBytes) throw damaged();
  return rows;
}

/** PNG specification, section 9: each byte was stored as its difference from a guess by its neighbours. */
function undoFilters(rows: Buffer, widthPx: number, heightPx: number): Uint8Array {
  const pixels = new Uint8Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y += 1) {
    const filter = rows[y * (widthPx + 1)] ?? 0;
    if (filter > 4) throw damaged();
    const source = y * (widthPx + 1) + 1;
    const target = y * widthPx;
    if (filter === 0) {
      pixels.set(rows.subarray(source, source + widthPx), target);
      continue;
    }
    for (let x = 0; x < widthPx; x += 1) {
      const left = x > 0 ? (pixels[target + x - 1] ?? 0) : 0;
      const up = y > 0 ? (pixels[target + x - widthPx] ?? 0) : 0;
      const upLeft = x > 0 && y > 0 ? (pixels[target + x - widthPx - 1] ?? 0) : 0;
      // The array keeps the low eight bits of the sum.
      pixels[target + x] = (rows[source + x] ?? 0) + guess(filter, left, up, upLeft);
    }
  }
  return pixels;
}

function guess(filter: number, left: number, up: number, upLeft: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const estimate = left + up - upLeft;
  const offLeft = Math.abs(estimate - left);
  const offUp = Math.abs(estimate - up);
  const offUpLeft = Math.abs(estimate - upLeft);
  if (offLeft <= offUp && offLeft <= offUpLeft) return left;
  return offUp <= offUpLeft ? up : upLeft;
}

function damaged(): BadRequest {
  return new BadRequest('invalid_image', PARAM, 'The image is a damaged PNG.');
}
