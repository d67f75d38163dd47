/** What bench/ingest.ts measures, each in a process of its own so that peak memory is its own. */
import { createReadStream } from 'node:fs';

import { MockActivityEnvironment } from '@temporalio/testing';

import { createJobActivities } from '../activities/jobs/jobActivities.ts';
import type { PreparedBatch } from '../domain/activities/jobActivities.ts';
import { openDatabase } from '../store/database.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import { sliceSignerWith } from '../store/sliceAccess.ts';
import { linesOf } from '../domain/batchInput.ts';
import { CELL } from '../test/support/fleetFixture.ts';
import { startBenchApi } from './support/benchApi.ts';

export type IngestRequest =
  | { readonly type: 'parse'; readonly file: string }
  | { readonly type: 'serve'; readonly databaseUrl: string; readonly folder: string }
  | { readonly type: 'split'; readonly batchId: string };
export interface IngestReply {
  readonly url?: string;
  readonly lines?: number;
  readonly realMs?: number;
  readonly peakMb: number;
}

let split: ((batchId: string) => Promise<number>) | undefined;

process.on('message', (request: IngestRequest) => {
  void handle(request).then((reply) =>
    process.send?.({ ...reply, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) } satisfies IngestReply),
  );
});
process.on('disconnect', () => process.exit(0));

async function handle(request: IngestRequest): Promise<Omit<IngestReply, 'peakMb'>> {
  if (request.type === 'parse') {
    const startMs = performance.now();
    let lines = 0;
    for await (const line of linesOf(createReadStream(request.file, { highWaterMark: 256 * 1024 }))) {
      JSON.parse(Buffer.from(line).toString('utf8'));
      lines++;
    }
    return { lines, realMs: performance.now() - startMs };
  }
  if (request.type === 'serve') {
    const database = openDatabase({ url: request.databaseUrl });
    const objects = createFileStore(request.folder);
    const { url } = await startBenchApi(database, objects, {
      infer: async () => [],
      generate: async () => ({ statusCode: 500, body: {} }),
    });
    const carAccess = { url, signer: sliceSignerWith('a key for benches') };
    const checkKey = Buffer.from('a key for benches');
    const jobs = createJobActivities({ database, objects, gridNowMs: Date.now, carAccess, checkKey });
    split = async (batchId) => {
      const work = (): Promise<PreparedBatch> => jobs.prepareBatch({ batchId, cellId: CELL.id });
      const prepared = await new MockActivityEnvironment().run<[], PreparedBatch, typeof work>(work);
      if (prepared.kind === 'refused') throw new Error(prepared.message);
      return prepared.split.lines;
    };
    return { url };
  }
  const startMs = performance.now();
  const lines = await split?.(request.batchId);
  return { ...(lines !== undefined && { lines }), realMs: performance.now() - startMs };
}
