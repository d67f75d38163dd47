import type { z } from 'zod';
import { carOutlookSchema } from '../../api/http/previewPolicy.ts';
import type { Quotes } from '../../api/http/ports.ts';
import { quoteAnswerSchema } from '../../api/http/quoteBatch.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { childEntry } from '../../inference/childEntry.ts';
import type { AskedPlan } from './quoterProcess.ts';
import { startAskedProcess } from '../process/askedProcess.ts';

/** A quote plans twice, and each plan has the time of two runs of the solver. */
const QUOTE_LIMIT_REAL_MS = 80_000;
const MAX_WAITING = 4;
const RETRY_SECONDS = 10;

export interface Quoter extends Quotes {
  close(): Promise<void>;
}

/**
 * Quotes in a process of its own: the event loop of the API also carries the broker, the ingress and emergency orders,
 * which must not wait for a plan.
 */
export function startQuoter(databaseUrl: string, limitMs = QUOTE_LIMIT_REAL_MS): Quoter {
  const quoter = startAskedProcess('the planner of quotes', childEntry(import.meta.url, './quoterProcess'), limitMs);
  let waiting = 0;
  const asked = async <Answer>(plan: AskedPlan, answer: z.ZodType<Answer>): Promise<Answer> => {
    if (waiting >= MAX_WAITING) {
      const message = `${waiting} quotes are being made already; ask again in ${RETRY_SECONDS} seconds.`;
      throw new NightshiftError('rate_limited', message, { retryAfterSeconds: RETRY_SECONDS });
    }
    waiting++;
    try {
      return answer.parse(await quoter.ask({ databaseUrl, ...plan }));
    } catch (error) {
      throw new NightshiftError('unavailable', 'The quote could not be made.', { cause: error });
    } finally {
      waiting--;
    }
  };
  return {
    quote: (batch) => asked({ batch }, quoteAnswerSchema),
    preview: (preview) => asked({ preview }, carOutlookSchema),
    close: () => quoter.close(),
  };
}
