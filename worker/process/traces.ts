import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import { spanIds } from '../../domain/tracing.ts';

/** Where traces of jobs go to, and of how many jobs. */
export interface TracesConfig {
  /** Of a collector that takes OTLP over HTTP, e.g. http://collector:4318/v1/traces. */
  readonly url: string;
  /** Share of the jobs, from 0 to 1: all processes choose the same ones. */
  readonly ratio: number;
}

/**
 * Sends the process's spans to the collector; one that is away costs a few spans in memory, and nothing waits for it.
 * @param process name by which the traces show it
 * @returns sends what is left, for up to a second
 */
export function startTraces({ url, ratio }: TracesConfig, process: string): { close(): Promise<void> } {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.namespace': 'nightshift', 'service.name': process }),
    // By the trace's id, whoever is the parent: it follows from the job, so that a job is traced everywhere or nowhere.
    sampler: new TraceIdRatioBasedSampler(ratio),
    idGenerator: spanIds,
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: CLOSE_LIMIT_REAL_MS }), {
        scheduledDelayMillis: SEND_EVERY_REAL_MS,
        maxQueueSize: MAX_KEPT_SPANS,
        exportTimeoutMillis: CLOSE_LIMIT_REAL_MS,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  return { close: () => provider.shutdown().catch(() => undefined) };
}

const SEND_EVERY_REAL_MS = 1_000;
const CLOSE_LIMIT_REAL_MS = 1_000;
const MAX_KEPT_SPANS = 2_048;
