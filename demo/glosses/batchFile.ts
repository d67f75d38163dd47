import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { renderLine } from './lineRenderer.ts';
import { selectGlosses, type Gloss } from './selection.ts';

/** Lines rendered before other work of the process gets a turn: about 50 ms. */
const LINES_PER_TURN = 20;

export interface RenderBatchOptions {
  readonly count: number;
  readonly seed: number;
  /** Name of the model that the lines are addressed to. */
  readonly model: string;
  /** Where the JSONL goes. A file that is there is complete: it is renamed into place when the last line is written. */
  readonly file: string;
  readonly onProgress?: (renderedLines: number) => void;
}

/**
 * Renders glosses to images and writes them as an OpenAI batch file of Open Inference Protocol requests.
 * @returns the truth that the answers are held against, by custom_id; the same for the same count and seed.
 */
export async function renderBatch(options: RenderBatchOptions): Promise<Map<string, string>> {
  const glosses = await selectGlosses(options);
  const partial = `${options.file}.partial`;
  await pipeline(Readable.from(batchLines(glosses, options)), createWriteStream(partial, { mode: 0o600 }));
  await rename(partial, options.file);
  return new Map(glosses.map((gloss) => [gloss.customId, gloss.text]));
}

async function* batchLines(glosses: readonly Gloss[], options: RenderBatchOptions): AsyncGenerator<string> {
  for (const [index, gloss] of glosses.entries()) {
    yield `${JSON.stringify(batchLine(gloss, options.model))}\n`;
    const rendered = index + 1;
    if (rendered % LINES_PER_TURN === 0 || rendered === glosses.length) {
      options.onProgress?.(rendered);
      await nextTurn();
    }
  }
}

function batchLine(gloss: Gloss, model: string): object {
  return {
    custom_id: gloss.customId,
    method: 'POST',
    url: `/v2/models/${model}/infer`,
    body: {
      inputs: [{ name: 'image', shape: [1], datatype: 'BYTES', data: [renderLine(gloss.text).toString('base64')] }],
    },
  };
}
