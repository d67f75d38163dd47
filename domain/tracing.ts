import { createHash, randomBytes } from 'node:crypto';
import { context, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags, type Attributes } from '@opentelemetry/api';
import { messageOf } from './thrown.ts';

/**
 * Traces of jobs. The id of a job's trace, and those of the spans that others hang theirs on, follow from the job's id: so
 * nothing is added to messages, histories or what cars are told, and every process finds the same trace by itself. Without a
 * provider, as by default, all of this does nothing. Attributes are ids and counts, never what is in requests or answers.
 */

/** Spans that others have as their parent, in other processes. */
export type SharedSpan = 'submission' | 'workflow';

/** Gives spans the ids that were set for them, and random ones to all others. */
class DerivedIds {
  #next: { readonly traceId?: string; readonly spanId?: string } = {};

  /** Until other ones are set, or none. */
  set next(ids: { readonly traceId?: string; readonly spanId?: string }) {
    this.#next = ids;
  }

  generateTraceId(): string {
    return this.#next.traceId ?? randomBytes(16).toString('hex');
  }

  generateSpanId(): string {
    return this.#next.spanId ?? randomBytes(8).toString('hex');
  }
}

/** For the provider of the process. */
export const spanIds = new DerivedIds();

export function traceIdOf(jobId: string): string {
  return hashed(jobId).slice(0, 32);
}

export function sharedSpanId(jobId: string, span: SharedSpan): string {
  return hashed(`${jobId}/${span}`).slice(0, 16);
}

/** Tells of a shared span that has ended, or, for a workflow, has begun. */
export function tellSharedSpan(
  span: SharedSpan,
  told: { readonly jobId: string; readonly name: string; readonly startMs: number; readonly parent?: SharedSpan },
): void {
  const { jobId, name, startMs, parent } = told;
  spanIds.next = { traceId: traceIdOf(jobId), spanId: sharedSpanId(jobId, span) };
  const under = parent === undefined ? ROOT_CONTEXT : contextUnder(jobId, parent);
  tracer()
    .startSpan(name, { startTime: startMs, attributes: { 'nightshift.job': jobId } }, under)
    .end();
  spanIds.next = {};
}

/** Runs `work` as a span of the job's trace; spans that are begun in it hang on it. */
export function inJobSpan<Result>(
  name: string,
  { jobId, parent }: { readonly jobId: string; readonly parent: SharedSpan },
  attributes: Attributes,
  work: () => Promise<Result>,
): Promise<Result> {
  const labelled = { ...attributes, 'nightshift.job': jobId };
  return context.with(contextUnder(jobId, parent), () => inSpan(name, labelled, work));
}

/** Runs `work` as a span of whatever trace it runs in; without one, as no span. */
export function inSpan<Result>(name: string, attributes: Attributes, work: () => Promise<Result>): Promise<Result> {
  if (!trace.getSpanContext(context.active())) return work();
  return tracer().startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error).slice(0, 200) });
      throw error;
    } finally {
      span.end();
    }
  });
}

function tracer() {
  return trace.getTracer('nightshift');
}

function contextUnder(jobId: string, parent: SharedSpan) {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceIdOf(jobId),
    spanId: sharedSpanId(jobId, parent),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
