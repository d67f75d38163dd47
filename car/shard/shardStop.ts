import { ApplicationFailure } from '@temporalio/activity';
import { realDurationMs, type Clock } from '../../domain/clock.ts';
import { SHARD_FAILURES, type LeaveReason, type ShardHeartbeat } from '../../domain/shards.ts';
import type { PowerGate } from './powerGate.ts';

/** Why an attempt ends before its shard does. */
export type StopCause =
  | { readonly kind: 'leaving'; readonly reason: LeaveReason }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'deadline' };

/** What a device is told at a grid emergency. */
export interface PausableDevice {
  pause(): void;
  resume(): void;
  /** Drops what a paused device was computing. */
  abandon(): void;
}

/**
 * Watches everything that can end an attempt: the car's gate, the server's cancellation, and the deadline through
 * request(). A grid emergency alone pauses the device in the same tick, and becomes a stop only when it lasts:
 *
 *     gate    open ──── emergency ───────────── cleared ──── ...
 *     device  run  ──── paused ──────────────── run
 *                            └─ patience over ─▶ abandoned; stop: leaving, grid_emergency
 */
export class ShardStop {
  readonly #gate: PowerGate;
  readonly #device: PausableDevice;
  readonly #patienceRealMs: number;
  readonly #controller = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #cancellation: AbortSignal;
  #patience: NodeJS.Timeout | undefined;
  #cause: StopCause | undefined;

  constructor(options: {
    gate: PowerGate;
    device: PausableDevice;
    cancellation: AbortSignal;
    clock: Clock;
    emergencyPatienceMs: number;
  }) {
    this.#gate = options.gate;
    this.#device = options.device;
    this.#cancellation = options.cancellation;
    this.#patienceRealMs = realDurationMs(options.clock, options.emergencyPatienceMs);
    this.#unsubscribe = this.#gate.subscribe(this.#onGate);
    this.#cancellation.addEventListener('abort', this.#onCancellation);
    this.#onGate();
    if (this.#cancellation.aborted) this.#onCancellation();
  }

  /** Aborts when the attempt has to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get cause(): StopCause | undefined {
    return this.#cause;
  }

  /** True during a grid emergency. */
  get paused(): boolean {
    return this.#patience !== undefined;
  }

  /** The first cause counts. */
  request(cause: StopCause): void {
    this.#cause ??= cause;
    if (this.paused) this.#device.abandon();
    this.#controller.abort();
  }

  /** Stops watching and leaves the device running. */
  close(): void {
    this.#unsubscribe();
    this.#cancellation.removeEventListener('abort', this.#onCancellation);
    this.#endPause();
  }

  readonly #onCancellation = (): void => this.request({ kind: 'cancelled' });

  readonly #onGate = (): void => {
    const reasons = this.#gate.reasons;
    const lasting = reasons.find((reason) => reason !== 'grid_emergency');
    if (reasons.includes('grid_emergency')) this.#pause();
    else this.#endPause();
    if (lasting !== undefined) this.request({ kind: 'leaving', reason: lasting });
  };

  #pause(): void {
    if (this.#patience !== undefined) return;
    this.#device.pause();
    if (this.#cause !== undefined) this.#device.abandon();
    this.#patience = setTimeout(
      () => this.request({ kind: 'leaving', reason: 'grid_emergency' }),
      this.#patienceRealMs,
    );
  }

  #endPause(): void {
    if (this.#patience === undefined) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#device.resume();
  }
}

/** The failure that tells the server, and the next car, why this attempt ended. Not for a cancellation. */
export function stopFailure(
  cause: Exclude<StopCause, { kind: 'cancelled' }>,
  heartbeat: ShardHeartbeat,
): ApplicationFailure {
  if (cause.kind === 'deadline') {
    return ApplicationFailure.create({
      type: SHARD_FAILURES.deadlinePassed,
      message: 'The deadline of the job has passed.',
      nonRetryable: true,
      details: [heartbeat],
    });
  }
  return ApplicationFailure.create({
    type: SHARD_FAILURES.vehicleLeaving,
    message: `${heartbeat.vehicleId} leaves: ${cause.reason}`,
    details: [heartbeat, cause.reason],
    category: 'BENIGN',
  });
}
