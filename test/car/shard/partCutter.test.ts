import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PartCutter, type CutPart } from '../../../car/shard/partCutter.ts';

test('cuts consecutive parts that hold every answer once, none larger than the limit but one of a single answer', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 30, unit: 'binary' })),
      fc.integer({ min: 1, max: 60 }),
      (texts, most) => {
        const lines = texts.map((text) => JSON.stringify(text));
        const cutter = new PartCutter(most);
        const parts = [...lines.map((line, number) => cutter.add(7 + number, line)), cutter.cut()].filter(
          (part): part is CutPart => part !== undefined,
        );
        expect(parts.map(({ body }) => body).join('')).toBe(lines.map((line) => `${line}\n`).join(''));
        let next = 7;
        for (const { range, body } of parts) {
          expect(range.start).toBe(next);
          next = range.end;
          const isSingle = range.end - range.start === 1;
          if (!isSingle) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(most);
        }
        expect(next).toBe(7 + lines.length);
        expect(cutter.cut()).toBeUndefined();
      },
    ),
  );
});
