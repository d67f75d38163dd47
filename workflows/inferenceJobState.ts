import type { Grant } from '../domain/workflows/coSchedule.ts';
import type {
  JobSnapshot,
  JobStatus,
  ReleasedInSlot,
  SplitBatch,
  WaveSnapshot,
} from '../domain/workflows/inferenceJob.ts';
import type { WaveReport } from '../domain/workflows/shardWave.ts';
import { fromRanges, toRanges } from './shardRanges.ts';

/** Failures of one shard after which it is given up, its unanswered lines reported as failed. */
export const SHARD_FAILURE_LIMIT = 3;
/** Temporal's limit on pending activities is 2,000; 500 a wave leaves room and keeps histories short. */
export const SHARDS_PER_WAVE = 500;

export type WaveOrder =
  | { readonly kind: 'start'; readonly wave: WaveSnapshot }
  | { readonly kind: 'extend'; readonly wave: number; readonly endsAtMs: number };

interface Wave {
  readonly wave: number;
  readonly regionId: string;
  readonly hardwareClass: string;
  endsAtMs: number;
  readonly shards: Set<number>;
}

type Released = { -readonly [Key in keyof ReleasedInSlot]: ReleasedInSlot[Key] };

/** Where a grant lets shards run. */
function placeOf({ regionId, hardwareClass }: Pick<Grant, 'regionId' | 'hardwareClass'>): string {
  return `${regionId}/${hardwareClass}`;
}

/**
 * Where every shard of one job is: pending, in flight in a wave, done or given up. Each shard is in exactly one of
 * these at any time; that is what "answered exactly once" rests on.
 */
export class JobShards {
  readonly split: SplitBatch;
  readonly #pending: Set<number>;
  readonly #done: Set<number>;
  readonly #waves = new Map<number, Wave>();
  readonly #failures = new Map<number, number>();
  readonly #released = new Map<string, Released>();
  #nextWave: number;

  private constructor(split: SplitBatch, pending: Set<number>, done: Set<number>, nextWave: number) {
    this.split = split;
    this.#pending = pending;
    this.#done = done;
    this.#nextWave = nextWave;
  }

  static fresh(split: SplitBatch, firstWave = 1): JobShards {
    return new JobShards(split, fromRanges([[0, split.shards]]), new Set(), firstWave);
  }

  static restore(snapshot: JobSnapshot): JobShards {
    const job = new JobShards(
      snapshot.split,
      fromRanges(snapshot.pending),
      fromRanges(snapshot.done),
      snapshot.nextWave,
    );
    for (const wave of snapshot.waves) job.#waves.set(wave.wave, { ...wave, shards: new Set(wave.shards) });
    for (const [shard, count] of Object.entries(snapshot.failures)) job.#failures.set(Number(shard), count);
    for (const released of snapshot.released ?? []) job.#released.set(placeOf(released), { ...released });
    return job;
  }

  snapshot(): JobSnapshot {
    return {
      split: this.split,
      pending: toRanges(this.#pending),
      done: toRanges(this.#done),
      waves: [...this.#waves.values()].map((wave) => ({ ...wave, shards: [...wave.shards] })),
      nextWave: this.#nextWave,
      failures: Object.fromEntries(this.#failures),
      released: [...this.#released.values()].map((released) => ({ ...released })),
    };
  }

  get finished(): boolean {
    return this.#pending.size === 0 && this.#waves.size === 0;
  }

  get openWaves(): readonly number[] {
    return [...this.#waves.keys()];
  }

  counts(): Omit<JobStatus, 'state'> {
    const inFlight = [...this.#waves.values()].reduce((sum, wave) => sum + wave.shards.size, 0);
    return { shards: this.split.shards, pending: this.#pending.size, inFlight, done: this.#done.size };
  }

  /** Cells count what their own cars have in hand as theirs. */
  inFlightByRegion(): Record<string, number> {
    const byRegion: Record<string, number> = {};
    for (const { regionId, shards } of this.#waves.values()) {
      byRegion[regionId] = (byRegion[regionId] ?? 0) + shards.size;
    }
    return byRegion;
  }

  /** Shards whose lines will never be answered by a car; reported as failed. */
  givenUp(): number[] {
    return [...this.#failures].filter(([, count]) => count >= SHARD_FAILURE_LIMIT).map(([shard]) => shard);
  }

  /**
   * What the newest plan's grants allow to be started or extended now. A slot's allotment is absolute, so a plan that is
   * made again within the slot does not release the same work twice.
   */
  release(grants: readonly Grant[], nowMs: number): WaveOrder[] {
    const orders: WaveOrder[] = [];
    for (const grant of grants) {
      if (grant.slotEndMs <= nowMs) continue;
      const running = [...this.#waves.values()].filter(
        (wave) => wave.regionId === grant.regionId && wave.hardwareClass === grant.hardwareClass,
      );
      for (const wave of running) {
        if (wave.endsAtMs >= grant.slotEndMs) continue;
        wave.endsAtMs = grant.slotEndMs;
        orders.push({ kind: 'extend', wave: wave.wave, endsAtMs: grant.slotEndMs });
      }
      const released = this.#releasedInSlot(grant, running);
      const oldestFirst = [...this.#pending].sort((a, b) => a - b);
      const free = Math.max(0, grant.shards - released.shards);
      const shards = oldestFirst.slice(0, Math.min(SHARDS_PER_WAVE, free));
      if (shards.length === 0) continue;
      released.shards += shards.length;
      orders.push({ kind: 'start', wave: this.#startWave(grant, shards) });
    }
    return orders;
  }

  #releasedInSlot(grant: Grant, running: readonly Wave[]): Released {
    const key = placeOf(grant);
    let released = this.#released.get(key);
    if (!released || released.slotStartMs !== grant.slotStartMs) {
      const { regionId, hardwareClass, slotStartMs } = grant;
      const shards = running.reduce((sum, wave) => sum + wave.shards.size, 0);
      released = { regionId, hardwareClass, slotStartMs, shards };
      this.#released.set(key, released);
    }
    return released;
  }

  #startWave(grant: Grant, shards: readonly number[]): WaveSnapshot {
    const { regionId, hardwareClass, slotEndMs } = grant;
    const wave = { wave: this.#nextWave++, regionId, hardwareClass, endsAtMs: slotEndMs, shards: new Set(shards) };
    for (const shard of shards) this.#pending.delete(shard);
    this.#waves.set(wave.wave, wave);
    return { ...wave, shards };
  }

  /** Shards that were accepted and are to be computed again. */
  reopen(shards: readonly number[]): void {
    for (const shard of shards) if (this.#done.delete(shard)) this.#pending.add(shard);
  }

  receiveReport(report: WaveReport): void {
    const wave = this.#waves.get(report.wave);
    // A wave that was given up by the watchdog may still report: its parts are the same bytes, so nothing is lost.
    if (!wave) return;
    for (const shard of report.done) {
      if (wave.shards.delete(shard)) this.#done.add(shard);
    }
    for (const { shard } of report.failed) {
      if (!wave.shards.delete(shard)) continue;
      const failures = (this.#failures.get(shard) ?? 0) + 1;
      this.#failures.set(shard, failures);
      if (failures < SHARD_FAILURE_LIMIT) this.#pending.add(shard);
    }
    for (const shard of report.returned) {
      if (wave.shards.delete(shard)) this.#returnToPending(shard, wave);
    }
    if (wave.shards.size === 0) this.#waves.delete(wave.wave);
  }

  /** Takes back the shards of waves that ended `graceMs` ago without a word, e.g. because one was terminated. */
  giveUpSilentWaves(nowMs: number, graceMs: number): void {
    for (const wave of this.#waves.values()) {
      if (wave.endsAtMs + graceMs > nowMs) continue;
      for (const shard of wave.shards) this.#returnToPending(shard, wave);
      this.#waves.delete(wave.wave);
    }
  }

  /** Grid time at which the next silent wave is given up, or undefined with no wave open. */
  nextWatchdogMs(graceMs: number): number | undefined {
    const ends = [...this.#waves.values()].map((wave) => wave.endsAtMs + graceMs);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  #returnToPending(shard: number, wave: Wave): void {
    this.#pending.add(shard);
    const released = this.#released.get(placeOf(wave));
    if (released) released.shards--;
  }
}
