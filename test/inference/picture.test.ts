import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ModelCache } from '../../inference/modelCache.ts';
import { decodePicture } from '../../inference/runner/picture.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { Runner } from '../../inference/runner/runner.ts';
import { cleanUp, storeWithShard, temporaryFolder } from '../car/shard/support/testCar.ts';
import { renderTextLines, requestLine, TEXTS } from './support/textLines.ts';

const LIMITS = { heightPx: 48, maxWidthPx: 400 };
const blank = (width: number, height: number, options: object = {}): Sharp =>
  sharp({ create: { width, height, channels: 3, background: '#c81428', ...options } });

describe('a picture', () => {
  test.each([
    ['in colour', blank(100, 48).png(), [100, 48, 3]],
    ['that is higher', blank(200, 96).jpeg(), [100, 48, 3]],
    ['that is lower', blank(50, 24).webp({ lossless: true }), [100, 48, 3]],
    ['that is turned', blank(48, 100).withMetadata({ orientation: 6 }).jpeg(), [100, 48, 3]],
  ])('%s has the height that the network takes', async (_, picture, [widthPx, heightPx, channels]) => {
    const decoded = await decodePicture(await picture.toBuffer(), LIMITS);
    expect(decoded).toMatchObject({ widthPx, heightPx, channels });
    expect(decoded.pixels).toHaveLength(100 * 48 * 3);
    const [red = 0, green = 0, blue = 0] = decoded.pixels;
    for (const [value, sent] of [
      [red, 0xc8],
      [green, 0x14],
      [blue, 0x28],
    ] as const)
      expect(Math.abs(value - sent)).toBeLessThan(8);
  });

  test('that is transparent is on white', async () => {
    const clear = blank(10, 48, { channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } });
    expect((await decodePicture(await clear.png().toBuffer(), LIMITS)).pixels[0]).toBe(255);
  });

  test.each([
    ['nothing', Buffer.alloc(0), 'not a PNG, JPEG or WebP'],
    ['another format', blank(10, 10).gif(), 'not a PNG, JPEG or WebP'],
    ['a drawing, which could name other files', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'not a PNG'],
    ['more pixels than fit', blank(8_192, 4_096).png(), '8192 x 4096 px; it may have 16777216 pixels'],
    ['too wide a line', blank(900, 96).png(), '900 x 96 px, 450 x 48 px when it is scaled'],
    ['too wide a line of the height', blank(401, 48).png(), '401 x 48 px; it must then be at most 400'],
  ])('of %s is refused', async (_, picture, message) => {
    const bytes = Buffer.isBuffer(picture) ? picture : await picture.toBuffer();
    await expect(decodePicture(bytes, LIMITS)).rejects.toThrow(message);
  });

  test.each([blank(100, 96).png(), blank(100, 96).jpeg(), blank(100, 96).webp()])(
    'that is cut off is refused',
    async (whole) => {
      const bytes = await whole.toBuffer();
      await expect(decodePicture(bytes.subarray(0, bytes.length - 20), LIMITS)).rejects.toThrow('cannot be decoded');
    },
  );
});

describe('a line of text', () => {
  const runner = new Runner({});
  let model: LoadedModel;
  beforeAll(async () => {
    const { objects, shard } = await storeWithShard();
    model = await new ModelCache(await temporaryFolder()).open(shard.model, objects);
  });
  afterAll(async () => {
    await runner.stop();
    await cleanUp();
  });

  test.each<[string, (line: Sharp) => Sharp]>([
    ['RGB', (line) => line.toColourspace('srgb').png()],
    ['palette', (line) => line.png({ palette: true, colours: 16 })],
    ['1-bit', (line) => line.threshold(128).png({ palette: true, colours: 2 })],
    ['16-bit', (line) => line.toColourspace('rgb16').png()],
    ['JPEG of twice the height', (line) => line.resize({ height: 96 }).jpeg({ quality: 90 })],
    ['WebP of half the height', (line) => line.resize({ height: 32 }).webp({ quality: 90 })],
  ])('is read from %s', async (_, made) => {
    const [text = ''] = TEXTS;
    const [gray = ''] = renderTextLines([text]);
    const picture = await made(sharp(Buffer.from(gray, 'base64'))).toBuffer();
    const { body } = JSON.parse(requestLine('x', picture.toString('base64'))) as { body: unknown };
    expect(await runner.run(model, [body])).toMatchObject([
      { statusCode: 200, body: { outputs: [{ data: [text] }, {}] } },
    ]);
  });
});
