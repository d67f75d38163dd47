import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inJobSpan, inSpan, sharedSpanId, tellSharedSpan, traceIdOf } from '../../../domain/tracing.ts';
import { startTraces } from '../../../worker/process/traces.ts';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: { readonly key: string }[];
  readonly status: { readonly code: number; readonly message?: string };
}
const spans: Span[] = [];
let collector: Server;

/** Of the jobs: by their ids, whichever process asks. */
const RATIO = 0.5;

beforeAll(async () => {
  collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const sent = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      spans.push(...sent.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});
afterAll(() => collector.close());

test('without a provider, work runs as it is', async () => {
  tellSharedSpan('submission', { jobId: 'batch_0', name: 'POST /v1/batches', startMs: Date.now() });
  expect(
    await inJobSpan('runShard', { jobId: 'batch_0', parent: 'workflow' }, {}, async () =>
      inSpan('x', {}, async () => 7),
    ),
  ).toBe(7);
});

test('a sampled job is one trace from the submission to the parts, and one that is not is none', async () => {
  const address = collector.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const traces = startTraces({ url: `http://127.0.0.1:${port}/v1/traces`, ratio: RATIO }, 'test');
  const jobs = Array.from({ length: 40 }, (_, index) => `batch_${index}`);
  for (const jobId of jobs) {
    tellSharedSpan('submission', { jobId, name: 'POST /v1/batches', startMs: Date.now() - 50 });
    tellSharedSpan('workflow', { jobId, name: 'inferenceJob', startMs: Date.now() - 40, parent: 'submission' });
    const attempt = inJobSpan('runShard', { jobId, parent: 'workflow' }, { attempt: 1 }, async () => {
      await inSpan('store part', { start: 0, end: 8 }, async () => undefined);
      throw new Error('unplugged');
    });
    await expect(attempt).rejects.toThrow('unplugged');
  }
  await traces.close();

  const traced = jobs.filter((jobId) => spans.some(({ traceId }) => traceId === traceIdOf(jobId)));
  expect(traced.length).toBeGreaterThan(8);
  expect(traced.length).toBeLessThan(32);
  expect(spans).toHaveLength(4 * traced.length);
  for (const jobId of traced) {
    const own = spans.filter(({ traceId }) => traceId === traceIdOf(jobId));
    const of = (name: string): Span | undefined => own.find((span) => span.name === name);
    expect(of('POST /v1/batches')?.spanId).toBe(sharedSpanId(jobId, 'submission'));
    expect(of('inferenceJob')?.parentSpanId).toBe(sharedSpanId(jobId, 'submission'));
    expect(of('runShard')).toMatchObject({
      parentSpanId: sharedSpanId(jobId, 'workflow'),
      status: { code: 2, message: 'unplugged' },
    });
    expect(of('store part')?.parentSpanId).toBe(of('runShard')?.spanId);
    const keys = own.flatMap(({ attributes }) => attributes.map(({ key }) => key));
    expect(new Set(keys)).toEqual(new Set(['nightshift.job', 'attempt', 'start', 'end']));
  }
});
