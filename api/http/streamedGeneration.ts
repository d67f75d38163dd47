import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';

import { NightshiftError } from '../../domain/errors.ts';
import { bodyOrThrow } from './liveModels.ts';
import type { ApiPorts, LiveModel } from './ports.ts';

export interface LiveTask {
  readonly id: string;
  readonly body: unknown;
  readonly createdAtSeconds: number;
}

export interface StreamEvent {
  /** Left out where clients tell events by their data alone. */
  readonly event?: string;
  readonly data: string;
}

/** Says an answer in the events of one API, as it comes. */
export interface AnswerWriter {
  /** The next piece of a choice's text. */
  add(choice: number, text: string): void;
  /** What is left to say once the whole answer is there. */
  end(body: unknown): Promise<void> | void;
  /** The status is sent: what went wrong is the last event, in the form that SDKs throw. */
  failure(error: NightshiftError): StreamEvent;
}

/** Generates an answer and streams it; a reader who leaves ends it. */
export function streamedGeneration(
  c: Context,
  { live, logger }: Pick<ApiPorts, 'live' | 'logger'>,
  model: LiveModel,
  task: LiveTask,
  open: (write: (event: StreamEvent) => void) => AnswerWriter,
): Response {
  const giveUp = new AbortController();
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => giveUp.abort(new Error('nobody reads the stream any more')));
    // Whoever reads slowly must not make the engine wait for all others: the stream's own buffer does.
    let written = Promise.resolve();
    const write = (event: StreamEvent): void => {
      written = stream.writeSSE(event);
    };
    const writer = open(write);
    try {
      const given = await live.generate(model, task, {
        signal: giveUp.signal,
        onProgress: ({ choice, text }) => writer.add(choice, text),
      });
      await writer.end(bodyOrThrow(given));
    } catch (error) {
      if (giveUp.signal.aborted) return;
      const known = error instanceof NightshiftError ? error : new NightshiftError('internal', 'The stream broke off.');
      if (known.httpStatus >= 500) logger.error({ err: error }, 'a stream broke off');
      write(writer.failure(known));
    }
    await written;
  });
}
