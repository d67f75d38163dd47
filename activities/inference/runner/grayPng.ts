import { PNG } from 'pngjs';
import { BadRequest } from './openInference.ts';

export interface GrayImage {
  readonly widthPx: number;
  readonly heightPx: number;
  /** One byte a pixel, row by row. */
  readonly pixels: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const PARAM = 'inputs.0.data.0';

/**
 * Decodes an 8-bit grayscale PNG. The size is checked in the header first, since a few bytes can declare a picture of
 * gigabytes.
 * @throws BadRequest
 */
export function decodeGrayPng(bytes: Buffer, limits: { heightPx: number; maxWidthPx: number }): GrayImage {
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(SIGNATURE) || bytes.toString('latin1', 12, 16) !== 'IHDR') {
    throw new BadRequest('invalid_image', PARAM, 'The image is not a PNG in base64.');
  }
  const widthPx = bytes.readUInt32BE(16);
  const heightPx = bytes.readUInt32BE(20);
  if (bytes[24] !== 8 || bytes[25] !== 0) {
    throw new BadRequest('invalid_image', PARAM, 'The image must be 8-bit grayscale without alpha.');
  }
  if (heightPx !== limits.heightPx || widthPx < 1 || widthPx > limits.maxWidthPx) {
    throw new BadRequest(
      'invalid_image_size',
      PARAM,
      `The image is ${widthPx} x ${heightPx} px; it must be ${limits.heightPx} px high and at most ${limits.maxWidthPx} px wide.`,
    );
  }
  let rgba: Buffer;
  try {
    rgba = PNG.sync.read(bytes).data;
  } catch {
    // The decoder's own words differ between its versions; answers must not.
    throw new BadRequest('invalid_image', PARAM, 'The image is a damaged PNG.');
  }
  const pixels = new Uint8Array(widthPx * heightPx);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = rgba[index * 4] ?? 0;
  return { widthPx, heightPx, pixels };
}
