import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { HOUR_MS } from '../domain/durations.ts';
import type { JournalReason } from '../domain/journal.ts';
import type { WaveDelivery } from '../domain/activities/rolloutActivities.ts';
import { figuresOf, regressions, type VersionsCompared } from '../domain/rollouts/judgeVersions.ts';
import type { RolloutWave } from '../domain/rollouts/rolloutSpec.ts';
import {
  firstRolloutStatus,
  type Comparison,
  type Rollout,
  type RolloutCommand,
  type RolloutOutcome,
  type RolloutPhase,
  type RolloutSnapshot,
  type RolloutStatus,
} from '../domain/workflows/modelRollout.ts';
import { attributes } from './searchAttributes.ts';

/** Of a wave's cars, that must have the version before it goes on: some leave for days, and must not stop the others. */
const ENOUGH_HOLDING = 0.9;
/** Of the requests, that must have been answered by both versions for a comparison to count. */
const ENOUGH_COMPARED = 0.5;

/** Where a roll-out stands: what has happened goes in, and what is to be done next comes out. No clock, no I/O. */
export class RolloutCourse {
  readonly #rollout: Rollout;
  #status: RolloutStatus;
  #comparison: Comparison | null;
  #skips = false;
  #aborts: string | null = null;
  #news = true;

  constructor(rollout: Rollout, nowMs: number, carried?: RolloutSnapshot) {
    this.#rollout = rollout;
    this.#comparison = carried?.comparison ?? null;
    this.#status = carried?.status ?? firstRolloutStatus(rollout.spec.waves.length, nowMs);
  }

  get status(): RolloutStatus {
    return this.#status;
  }

  get snapshot(): RolloutSnapshot {
    return { status: this.#status, comparison: this.#comparison };
  }

  get comparison(): Comparison | null {
    return this.#comparison;
  }

  get wave(): RolloutWave {
    const wave = this.#rollout.spec.waves[this.#status.wave];
    if (!wave) throw new Error(`the roll-out has no wave ${this.#status.wave}`);
    return wave;
  }

  /** An operator has said something that is not acted on yet. */
  get isAsked(): boolean {
    return this.#skips || this.#aborts !== null;
  }

  /** Whether the status is another one than when this was last asked. */
  takeNews(): boolean {
    const news = this.#news;
    this.#news = false;
    return news;
  }

  command(command: RolloutCommand, reason: string): void {
    if (this.#status.outcome !== null) return;
    if (command === 'pause') this.#set({ paused: true, text: `Paused by an operator: ${reason}` });
    else if (command === 'resume') this.#set({ paused: false, text: `Resumed by an operator: ${reason}` });
    else if (command === 'skip') this.#skips = true;
    else this.#aborts = reason;
  }

  /** Does at once what the operator has asked for. @returns whether it ended or went on by that */
  obey(nowMs: number): 'aborted' | 'skipped' | 'nothing' {
    if (this.#aborts !== null) {
      this.#decide('aborted', `Aborted by an operator: ${this.#aborts}`, nowMs);
      return 'aborted';
    }
    if (!this.#skips) return 'nothing';
    this.#skips = false;
    return 'skipped';
  }

  delivered({ target, drawn, holding }: WaveDelivery, nowMs: number): void {
    const wanted = Math.ceil(target * ENOUGH_HOLDING);
    this.#set({
      target,
      drawn,
      holding,
      text: `${holding} of ${target} cars have the version, ${drawn} are to fetch it.`,
    });
    if (holding >= wanted) this.#enter('comparing', 'The cars of the wave have the version.', nowMs);
  }

  /** Waits for what is missing. */
  waitsFor(text: string): void {
    if (this.#status.text !== text) this.#set({ text });
  }

  comparing(comparison: Comparison): void {
    this.#comparison = comparison;
    this.#set({ text: 'The cars of the wave answer real requests with both versions.' });
  }

  /** @returns whether the wave is accepted */
  compared(found: VersionsCompared, nowMs: number): boolean {
    const { compare, limits } = this.#rollout.spec;
    this.#comparison = null;
    const figures = figuresOf(found);
    this.#set({ figures, compared: found.compared });
    const reasons = regressions(figures, limits);
    if (reasons.length > 0) {
      this.rollBack(reasons, nowMs);
      return false;
    }
    if (found.compared < compare.requests * ENOUGH_COMPARED) {
      const text = `Only ${found.compared} of ${compare.requests} requests were answered by both versions: it is tried again.`;
      this.#set({ text });
      return false;
    }
    return true;
  }

  accepted(nowMs: number): void {
    this.#comparison = null;
    this.#set({ servedShare: this.wave.share });
    this.#enter(
      'soaking',
      `Wave ${this.#status.wave + 1} is accepted; the version answers its share of the tenants.`,
      nowMs,
    );
  }

  get soakedAtMs(): number {
    return this.#status.sinceMs + this.wave.soak_hours * HOUR_MS;
  }

  /** The wave has served long enough. @returns whether it was the last one */
  soaked(nowMs: number): boolean {
    const next = this.#status.wave + 1;
    if (next >= this.#rollout.spec.waves.length) {
      this.#decide('completed', 'Every wave is accepted: the version answers everyone.', nowMs);
      return true;
    }
    this.#set({ wave: next });
    this.#enter('delivering', `Wave ${next + 1} begins.`, nowMs);
    return false;
  }

  rollBack(reasons: readonly JournalReason[], nowMs: number): void {
    this.#set({ reasons });
    const why = reasons.map(({ text, value, limit }) => `${text} (${value}, limit ${limit})`).join('; ');
    this.#decide('rolled_back', `Rolled back to ${this.#rollout.previousVersion}: ${why}`, nowMs);
  }

  drained(batches: number, nowMs: number): void {
    if (batches === 0) this.#enter('ended', this.#status.text, nowMs);
  }

  #decide(outcome: RolloutOutcome, text: string, nowMs: number): void {
    this.#skips = false;
    this.#aborts = null;
    this.#set({ outcome, paused: false, servedShare: outcome === 'completed' ? 1 : 0 });
    this.#enter('draining', text, nowMs);
  }

  #enter(phase: RolloutPhase, text: string, nowMs: number): void {
    this.#set({ phase, text, sinceMs: nowMs });
  }

  #set(changed: Partial<RolloutStatus>): void {
    const { paused, text } = this.#status;
    // What was under way when the operator paused it still comes in: it must not hide why nothing goes on.
    const isHeld = paused && changed.paused === undefined;
    const status = { ...this.#status, ...changed, ...(isHeld && { text }) };
    if (JSON.stringify(status) !== JSON.stringify(this.#status)) this.#news = true;
    this.#status = status;
  }
}

/** What operators search roll-outs by. */
export function rolloutAttributes({ phase, paused, outcome }: RolloutStatus): SearchAttributeUpdatePair[] {
  return [{ key: attributes.jobState, value: outcome ?? (paused ? 'paused' : phase) }];
}

/** Markdown for the operator. */
export function describeRollout({ name, version, previousVersion, spec }: Rollout, status: RolloutStatus): string {
  const { phase, paused, wave, waves, target, holding, servedShare, text, outcome, figures, compared } = status;
  const limits = spec.limits;
  return [
    `**${name} ${version}** in place of ${previousVersion}: **${outcome ?? (paused ? 'paused' : phase)}**, ` +
      `wave ${wave + 1} of ${waves}; ${holding} of ${target} cars have it; it answers ${percent(servedShare)} of the tenants.`,
    text,
    ...(figures === null
      ? []
      : [
          `Last comparison, ${compared} requests: ${percent(figures.disagreement)} disagree (limit ${percent(limits.disagreement)}), ` +
            `${percent(figures.moreCrashes)} more attempts fail (${percent(limits.crashes)}), device time ${times(figures.slower)} ` +
            `(${times(limits.slower)}), energy ${times(figures.energy)} (${times(limits.energy)}).`,
        ]),
  ].join('\n\n');
}

function percent(share: number | null): string {
  return share === null ? 'unknown' : `${(100 * share).toFixed(1)} %`;
}

function times(ratio: number | null): string {
  return ratio === null ? 'unknown' : `${ratio.toFixed(2)} ×`;
}
