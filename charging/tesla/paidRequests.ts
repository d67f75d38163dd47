import type { Logger } from 'pino';
import { z } from 'zod';
import { MINUTE_MS } from '../../domain/durations.ts';
import type { FleetAnswer, FleetApi, FleetPath } from './fleetApi.ts';
import { afterPaying, NOTHING_SPENT, overspent, spendingSchema, type Paid } from './spending.ts';

/** Of a car, what its requests have cost, and why it is not told what to do or does not stream; null: nothing is wrong. */
export const keptRequestsSchema = z.object({
  spending: spendingSchema.default(NOTHING_SPENT),
  problems: z
    .object({ orders: z.string().nullable(), telemetry: z.string().nullable() })
    .default({ orders: null, telemetry: null }),
});
export type KeptRequests = z.infer<typeof keptRequestsSchema>;

/** What a request is for: trouble with the one must not hold up the other. */
export type Purpose = keyof KeptRequests['problems'];

export interface PaidRequestsPorts {
  readonly api: Pick<FleetApi, 'ask'>;
  readonly kept: () => KeptRequests;
  readonly keep: (news: Partial<KeptRequests>) => Promise<void>;
  /** What people have to know, once. */
  readonly tell: (message: string) => void;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

export const NO_ACCESS_REAL_MS = 15 * MINUTE_MS;
const REFUSED_REAL_MS = MINUTE_MS;

/** The requests for one car: each is paid for, none beyond what a month may cost, and after a refusal none for a while. */
export class PaidRequests {
  readonly #vin: string;
  readonly #maxUsdPerMonth: number;
  readonly #ports: PaidRequestsPorts;
  readonly #heldUntilRealMs: Record<Purpose, number> = { orders: 0, telemetry: 0 };

  constructor(vin: string, maxUsdPerMonth: number, ports: PaidRequestsPorts) {
    this.#vin = vin;
    this.#maxUsdPerMonth = maxUsdPerMonth;
    this.#ports = ports;
  }

  /** Until when nothing is to be asked, real time; in the past: it may be. */
  heldUntilRealMs(purpose: Purpose): number {
    return this.#heldUntilRealMs[purpose];
  }

  isHeld(purpose: Purpose): boolean {
    return this.#ports.now() < this.#heldUntilRealMs[purpose];
  }

  hold(purpose: Purpose, forRealMs: number): void {
    this.#heldUntilRealMs[purpose] = this.#ports.now() + forRealMs;
  }

  release(purpose: Purpose): void {
    this.#heldUntilRealMs[purpose] = 0;
  }

  /** @param isUrgent asked whatever it costs: the grid needs it */
  async ask(paid: Paid, path: FleetPath, isUrgent: boolean): Promise<FleetAnswer> {
    const { api, kept, keep, now, log } = this.#ports;
    const purpose: Purpose = paid === 'request' ? 'telemetry' : 'orders';
    const overspentWhy = isUrgent ? undefined : overspent(kept().spending, paid, this.#maxUsdPerMonth, now());
    if (overspentWhy !== undefined) {
      this.hold(purpose, NO_ACCESS_REAL_MS);
      await this.tellProblem(purpose, overspentWhy);
      return { kind: 'refused', reason: overspentWhy };
    }
    const answer = await api.ask(this.#vin, path);
    // Outages are not billed; all else is, whatever it says.
    if (answer.kind !== 'later') await keep({ spending: afterPaying(kept().spending, paid, now()) });
    if (answer.kind === 'done' || answer.kind === 'asleep') return answer;
    if (answer.kind === 'later') this.#heldUntilRealMs[purpose] = answer.untilRealMs;
    else this.hold(purpose, answer.kind === 'no_access' ? NO_ACCESS_REAL_MS : REFUSED_REAL_MS);
    log.warn({ vin: this.#vin, path, answer }, 'the Fleet API does not do what it is asked');
    if (answer.kind !== 'later') await this.tellProblem(purpose, answer.reason);
    return answer;
  }

  /** @param problem null: it is over */
  async tellProblem(purpose: Purpose, problem: string | null): Promise<void> {
    const { kept, keep, tell } = this.#ports;
    const { problems } = kept();
    if (problems[purpose] === problem) return;
    await keep({ problems: { ...problems, [purpose]: problem } });
    if (problem !== null) tell(problem);
  }
}
