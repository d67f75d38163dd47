import { createRequire } from 'node:module';
import { join, dirname } from 'node:path';
import { PNG } from 'pngjs';
import { make, registerFont } from 'pureimage';

const HEIGHT_PX = 48;

export const TEXTS = [
  'a moving company that stores goods',
  'the act of pausing in the middle',
  'a parked car at night',
  'an hour that nobody wants',
  'relating to electric current',
  'small change in the frequency',
  'a line of poles carrying wires',
  'water falling over turbines',
];

const fontPath = join(
  dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')),
  'ttf/DejaVuSans.ttf',
);

/** Renders lines of text as PNGs in base64, 8-bit gray, black on white. */
export function renderTextLines(texts: readonly string[]): string[] {
  registerFont(fontPath, 'DejaVuSans').loadSync();
  return texts.map(renderTextLine);
}

function renderTextLine(text: string): string {
  const probe = make(8, 8).getContext('2d');
  probe.font = '24pt DejaVuSans';
  const widthPx = Math.ceil((probe.measureText(text).width + 16) / 32) * 32;
  const bitmap = make(widthPx, HEIGHT_PX);
  const context = bitmap.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, widthPx, HEIGHT_PX);
  context.fillStyle = 'black';
  context.font = '24pt DejaVuSans';
  context.fillText(text, 8, 34);
  const png = new PNG({ width: widthPx, height: HEIGHT_PX });
  png.data = Buffer.from(bitmap.data);
  return PNG.sync.write(png, { colorType: 0 }).toString('base64');
}

/** A request line as a submitter writes it, without its line feed. */
export function requestLine(customId: string, image: unknown): string {
  return JSON.stringify({
    custom_id: customId,
    method: 'POST',
    url: '/v2/models/pp-ocrv4-rec/infer',
    body: { inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], data: [image] }] },
  });
}
