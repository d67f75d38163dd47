import type { Sharp, SharpOptions } from 'sharp';

import { messageOf } from '../../domain/thrown.ts';
import { decodeGrayPng, isGrayPngOfHeight } from './grayPng.ts';
import { BadRequest } from './openInference.ts';

/** A picture as a network takes it. */
export interface Picture {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Gray, or red, green and blue. */
  readonly channels: 1 | 3;
  /** A byte a channel, pixel by pixel, row by row. */
  readonly pixels: Uint8Array;
}

export interface PictureLimits {
  /** Pictures of other heights are scaled to it. */
  readonly heightPx: number;
  /** Of the picture as it was sent where it has the height, else when it is scaled. */
  readonly maxWidthPx: number;
}

/** A few kilobytes can declare gigabytes: what is larger is refused by its header, before anything is unpacked. */
const MAX_PIXELS = 4_096 * 4_096;
const PARAM = 'inputs.0.data.0';

/**
 * Decodes a picture and scales it to the height that the network takes. PNG, JPEG and WebP of any depth and colours;
 * what is transparent is on white, and a camera's rotation is undone.
 * @throws BadRequest
 */
export async function decodePicture(bytes: Buffer, limits: PictureLimits): Promise<Picture> {
  // As most are that are made for such a network: without a decoder's detour, and the same to the last bit everywhere.
  if (isGrayPngOfHeight(bytes, limits.heightPx)) return { ...decodeGrayPng(bytes, limits), channels: 1 };
  if (!hasKnownSignature(bytes)) {
    throw new BadRequest('invalid_image', PARAM, 'The image is not a PNG, JPEG or WebP in base64.');
  }
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.concurrency(1);
  const open = (options: SharpOptions): Sharp => sharp(bytes, { failOn: 'error', ...options });
  const header = await open({ limitInputPixels: false }).metadata().catch(damaged);
  const { width, height } = header.autoOrient;
  if (width * height > MAX_PIXELS) {
    const message = `The image is ${width} x ${height} px; it may have ${MAX_PIXELS} pixels.`;
    throw new BadRequest('invalid_image_size', PARAM, message);
  }
  const widthPx = Math.max(1, Math.round((width * limits.heightPx) / height));
  if (widthPx > limits.maxWidthPx) {
    const scaled = height === limits.heightPx ? '' : `, ${widthPx} x ${limits.heightPx} px when it is scaled`;
    throw new BadRequest(
      'invalid_image_size',
      PARAM,
      `The image is ${width} x ${height} px${scaled}; it must then be at most ${limits.maxWidthPx} px wide.`,
    );
  }
  const { data, info } = await open({ limitInputPixels: MAX_PIXELS })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .resize({ width: widthPx, height: limits.heightPx, fit: 'fill' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(damaged);
  if (info.channels !== 1 && info.channels !== 3) throw new Error(`The decoder gave ${info.channels} channels.`);
  return { widthPx: info.width, heightPx: info.height, channels: info.channels, pixels: data };
}

/** The decoder knows more formats, some of which read other files: no bytes of theirs get to it. */
function hasKnownSignature(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, 12);
  return start.startsWith('\x89PNG\r\n\x1a\n') || start.startsWith('\xff\xd8\xff') || /^RIFF[^]{4}WEBP/.test(start);
}

function damaged(error: unknown): never {
  // The decoder's own words are of its inner workings, in one line each.
  const [reason = ''] = messageOf(error).split('\n');
  throw new BadRequest('invalid_image', PARAM, `The image cannot be decoded: ${reason.slice(0, 200)}`);
}
