import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { renderBatch } from '../glosses/batchFile.ts';
import { characterErrorRate } from '../glosses/characterErrorRate.ts';
import { selectGlosses } from '../glosses/selection.ts';
import type { NightFile } from '../night/nightFile.ts';
import type { SimulatedClass } from '../../domain/hardwareClasses.ts';
import { GRID_SECONDS_PER_LINE } from '../../simulator/pacing.ts';
import type { NightWork } from './nightWork.ts';

export const OCR_MODEL = 'pp-ocrv4-rec';

export const ocrSecondsPerUnit = (hardwareClass: SimulatedClass): number => GRID_SECONDS_PER_LINE[hardwareClass];

const textAnswerSchema = z.object({
  outputs: z.array(z.object({ name: z.string(), data: z.array(z.union([z.string(), z.number()])) })),
});

/** Pictures of text to be read. @param folder where the rendered batch is kept for the next night */
export async function ocrWork(
  night: NightFile,
  folder: string,
  onProgress: (renderedLines: number) => void,
): Promise<NightWork> {
  const glosses = { count: night.batch.requests, seed: night.seed };
  const batchFile = join(folder, `glosses-${glosses.seed}-${glosses.count}.jsonl`);
  const isRendered = await access(batchFile).then(
    () => true,
    () => false,
  );
  const truth = isRendered
    ? new Map((await selectGlosses(glosses)).map((gloss) => [gloss.customId, gloss.text]))
    : await renderBatch({ ...glosses, model: OCR_MODEL, file: batchFile, onProgress });
  return {
    model: OCR_MODEL,
    endpoint: `/v2/models/${OCR_MODEL}/infer`,
    batchFile,
    secondsPerUnit: ocrSecondsPerUnit,
    judge: (answers) => ({
      characterErrorRate: characterErrorRate(
        truth,
        new Map([...answers].map(([customId, body]) => [customId, textOf(body)])),
      ),
    }),
  };
}

function textOf(body: unknown): string {
  const { outputs } = textAnswerSchema.parse(body);
  return String(outputs.find(({ name }) => name === 'text')?.data[0] ?? '');
}
