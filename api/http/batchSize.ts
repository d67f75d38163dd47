import { setImmediate as nextTurn } from 'node:timers/promises';

import { createBatchLineChecker, linesOf } from '../../domain/batchInput.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { modelManifestSchema, type Pipeline } from '../../domain/models.ts';
import { pricedUnitsOf } from '../../domain/pricedUnits.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import { readModel } from '../../store/models.ts';
import type { StoredFile } from '../../store/files.ts';
import type { ApiPorts } from './ports.ts';

/** How much work a batch is, before it is submitted. */
export interface BatchSize {
  readonly requests: number;
  readonly model: string;
  readonly kind: Pipeline['kind'] | undefined;
  /** That device time grows with, of all requests. */
  readonly workUnits: number;
  /** That is priced, of all requests. */
  readonly pricedUnits: number;
}

/** Lines between two turns of the event loop: a large file is read while others are served. */
const LINES_A_TURN = 500;

/** Reads the uploaded input line by line. @throws NightshiftError `invalid_request` for the first line that is wrong */
export async function sizeOfInput(
  { database, objects }: Pick<ApiPorts, 'database' | 'objects'>,
  tenantId: string,
  endpoint: string,
  file: Pick<StoredFile, 'objectKey'>,
): Promise<BatchSize> {
  const checker = createBatchLineChecker(endpoint);
  let kind: Pipeline['kind'] | undefined;
  let workUnits = 0;
  let pricedUnits = 0;
  let lines = 0;
  for await (const bytes of linesOf(await objects.getStream(file.objectKey))) {
    const line = checker.take(bytes);
    if (checker.done) break;
    if (!line) continue;
    if (lines === 0) {
      const model = await readModel(database, tenantId, line.model);
      kind = modelManifestSchema.safeParse(model?.manifest).data?.pipeline.kind;
    }
    workUnits += workUnitsOf(kind, line.body);
    pricedUnits += pricedUnitsOf(kind, line.body);
    if (++lines % LINES_A_TURN === 0) await nextTurn();
  }
  const { errors, total, model } = checker.finish();
  const [first] = errors;
  if (first) {
    const message = `Line ${first.line ?? '-'}: ${first.message}`;
    throw new NightshiftError('invalid_request', message, { field: 'input_file_id' });
  }
  return { requests: total, model: model ?? '', kind, workUnits, pricedUnits };
}
