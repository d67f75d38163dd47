import { randomUUID } from 'node:crypto';

import type { Logger } from 'pino';

import { countAnswer } from '../jobs/countAnswers.ts';
import { liveBooking } from './liveBooking.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { accounts } from '../../domain/ledger.ts';
import type { Answer } from '../../domain/answerLine.ts';
import type { Pipeline } from '../../domain/models.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { LiveExecutor } from '../../inference/liveExecutor.ts';
import { decimalOf } from '../../domain/money.ts';
import { pricedUnitOf } from '../../domain/priceBook.ts';
import { readReserved } from '../../store/batchTerms.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { book, readBalance } from '../../store/ledger.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { readTenant } from '../../store/tenants.ts';
import { addLiveUsage, type LiveUsage, type UsageKind } from '../../store/usage.ts';

/** What is answered is booked together so often: a request of its own each would cost more than to answer it. */
const BOOKED_EVERY_REAL_MS = 1_000;
/** So late a used-up credit is noticed. */
const CREDIT_KEPT_REAL_MS = 2_000;
const MAX_KEPT = 1_000;

const KIND_OF_PIPELINE: Record<Pipeline['kind'], UsageKind> = {
  'text-generation': 'completions',
  'text-embedding': 'embeddings',
  'text-classification': 'moderations',
  rerank: 'other',
  'image-ctc': 'other',
  tensors: 'other',
  training: 'other',
};

/** A model that a tenant's live request is for. */
type TenantsModel = ModelRef & { readonly pipeline: Pick<Pipeline, 'kind'>; readonly tenantId: string };

interface Answered extends Omit<LiveUsage, 'hourMs'> {
  readonly unit: ReturnType<typeof pricedUnitOf>;
  readonly units: number;
}

export interface ChargedLive {
  /** @throws what the executor throws, and NightshiftError `payment_required` */
  infer(model: TenantsModel, bodies: readonly unknown[]): Promise<readonly Answer[]>;
  /** @throws like `infer` */
  generate(
    model: TenantsModel,
    task: Parameters<LiveExecutor['generate']>[1],
    options?: Parameters<LiveExecutor['generate']>[2],
  ): Promise<Answer>;
  /** Books what is answered and not booked yet. */
  close(): Promise<void>;
}

/** Charges tenants for what is answered at once, and answers none whose balance and credit are used up. Errors are free. */
export function chargedLive(
  live: Pick<LiveExecutor, 'infer' | 'generate'>,
  { database, cell, logger }: { readonly database: Database; readonly cell: Cell; readonly logger: Logger },
): ChargedLive {
  let open = new Map<string, Answered>();
  let timer: NodeJS.Timeout | undefined;
  let booking = Promise.resolve();
  const credit = new Map<string, { readonly refusal: NightshiftError | undefined; readonly readRealMs: number }>();
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, Date.now()));

  const bookOpen = async (): Promise<void> => {
    const answered = [...open.values()];
    open = new Map();
    if (answered.length === 0) return;
    const atMs = gridNowMs();
    try {
      await database.transaction(async (tx) => {
        const prices = await readPriceBookAt(tx, atMs);
        for (const work of answered) {
          const { currency } = await readTenant(tx, work.tenantId);
          const charge = { ...work, currency: currency ?? prices.book.currency };
          const booked = liveBooking(prices, charge, randomUUID(), atMs);
          if (booked) await book(tx, booked);
        }
        await addLiveUsage(
          tx,
          answered.map((work) => ({ ...work, hourMs: Math.floor(atMs / HOUR_MS) * HOUR_MS })),
        );
      });
    } catch (error) {
      // Asked for again with what comes next: the database may be away for a moment.
      for (const work of answered) add(work);
      logger.warn({ err: error }, 'live requests could not be booked yet');
    }
  };
  const add = (work: Answered): void => {
    const key = JSON.stringify([work.tenantId, work.model, work.kind, work.unit]);
    const known = open.get(key);
    open.set(key, {
      ...work,
      units: work.units + (known?.units ?? 0),
      requests: work.requests + (known?.requests ?? 0),
      inputTokens: work.inputTokens + (known?.inputTokens ?? 0),
      outputTokens: work.outputTokens + (known?.outputTokens ?? 0),
    });
    timer ??= setTimeout(() => {
      timer = undefined;
      booking = booking.then(bookOpen);
    }, BOOKED_EVERY_REAL_MS);
  };
  const count = ({ tenantId, name: model, pipeline }: TenantsModel, { statusCode, body }: Answer): void => {
    if (statusCode >= 400) return;
    const unit = pricedUnitOf(pipeline.kind);
    add({ tenantId, model, kind: KIND_OF_PIPELINE[pipeline.kind], unit, requests: 1, ...countAnswer(body, unit) });
  };

  /** @throws NightshiftError `payment_required` */
  const mustHaveCredit = async (tenantId: string): Promise<void> => {
    const known = credit.get(tenantId);
    if (known && Date.now() - known.readRealMs <= CREDIT_KEPT_REAL_MS) {
      if (known.refusal) throw known.refusal;
      return;
    }
    const refusal = await creditRefusal(database, tenantId, gridNowMs());
    if (credit.size >= MAX_KEPT) credit.clear();
    credit.set(tenantId, { refusal, readRealMs: Date.now() });
    if (refusal) throw refusal;
  };

  return {
    infer: async (model, bodies) => {
      await mustHaveCredit(model.tenantId);
      const answers = await live.infer(model, bodies);
      for (const answer of answers) count(model, answer);
      return answers;
    },
    generate: async (model, task, options) => {
      await mustHaveCredit(model.tenantId);
      const answer = await live.generate(model, task, options);
      count(model, answer);
      return answer;
    },
    close: async () => {
      clearTimeout(timer);
      await booking;
      await bookOpen();
    },
  };
}

/** Why a tenant gets no live answers; undefined while balance and credit reach. */
async function creditRefusal(
  database: Database,
  tenantId: string,
  nowMs: number,
): Promise<NightshiftError | undefined> {
  const { creditLimitMicros, currency: own } = await readTenant(database, tenantId);
  if (creditLimitMicros === null) return undefined;
  const currency = own ?? (await readPriceBookAt(database, nowMs)).book.currency;
  const balance = (await readBalance(database, accounts.tenant(tenantId))).get(currency) ?? 0;
  const reserved = await readReserved(database, tenantId, currency);
  const missing = reserved - balance - creditLimitMicros;
  // With just nothing left, the next answer would be owed.
  if (missing < 0) return undefined;
  const money = (micros: number): string => `${decimalOf(micros)} ${currency}`;
  return new NightshiftError(
    'payment_required',
    `${money(missing)} are missing: the balance is ${money(balance)} with a credit of ${money(creditLimitMicros)}, ` +
      `and ${money(reserved)} are kept for open batches.`,
  );
}
