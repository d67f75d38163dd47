import { z } from 'zod';

import type { BatchClient } from '../api/client/batchClient.ts';
import { batchSchema, type BatchWire } from '../api/wire/batch.ts';
import { batchText } from './batchText.ts';
import type { Terminal } from './terminal.ts';

const lineSchema = z.object({ atMs: z.number(), message: z.string() });

/**
 * Follows a batch to its end: on a live terminal what happens scrolls above a picture that stays, else each line and
 * each change is printed once.
 * @returns the batch in its final state
 */
export async function watchBatch(
  batches: BatchClient,
  batchId: string,
  terminal: Terminal,
  clock: (iso: string) => string,
  asJson: boolean,
): Promise<BatchWire> {
  const { out, colors, liveColumns } = terminal;
  let picture = '';
  let last: BatchWire | undefined;
  const draw = (next: string): void => {
    if (liveColumns === undefined) {
      out(`${next}\n`);
      return;
    }
    out(`${erased(picture, liveColumns)}${next}\n`);
    picture = next;
  };
  for await (const { event, data } of batches.events(batchId)) {
    if (event === 'batch') last = batchSchema.parse(JSON.parse(data));
    if (asJson) {
      if (event !== 'end') out(`${JSON.stringify({ event, data: JSON.parse(data) })}\n`);
    } else if (event === 'line') {
      const line = lineSchema.parse(JSON.parse(data));
      const text = `${colors.dim(clock(new Date(line.atMs).toISOString()))}  ${line.message}`;
      if (liveColumns === undefined) out(`${text}\n`);
      else {
        out(`${erased(picture, liveColumns)}${text}\n${picture === '' ? '' : `${picture}\n`}`);
      }
    } else if (event === 'batch' && last) draw(batchText(last, clock, colors));
  }
  return last ?? batches.read(batchId);
}

/** Takes the cursor up over the picture and clears it. */
function erased(picture: string, columns: number): string {
  if (picture === '') return '';
  // oxlint-disable-next-line no-control-regex -- colours take no room
  const visible = picture.replace(/\u001B\[[\d;]*m/g, '').split('\n');
  const rows = visible.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0);
  return `\u001B[${rows}A\u001B[J`;
}
