import { HOUR_MS } from '../../domain/durations.ts';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Clock } from '../../domain/clock.ts';
import type { SetpointProfile } from '../../domain/setpoints.ts';
import { chargingSchedule, FAIL_SAFE_AMPS, limitAt, type ChargingSchedule, type Supply } from './chargingSchedule.ts';
import { afterEvent, type ConnectorEvent, type ConnectorState } from './connector.ts';
import { isAccepted, type Dialect, type OcppCall, type ProfilePurpose } from './dialect.ts';

/** How a charge point can be told: by schedules of one kind or the other, or only by starting and stopping it. */
export type ControlLevel = ProfilePurpose | 'switching';

export interface ChargePointPorts {
  readonly dialect: Dialect;
  readonly supply: Supply;
  readonly clock: Clock;
  /** Sends a call. @throws what the charge point answers when it does not do it, or when it does not answer */
  readonly call: (call: OcppCall) => Promise<unknown>;
  /** Told of each change, in order. */
  readonly onState: (state: ConnectorState, events: readonly ConnectorEvent[]) => void;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * A start that the charge point does not follow is asked for again after this long; and so long nothing is started after a
 * transaction has ended: whoever ended it is about to unplug.
 */
const START_AGAIN_REAL_MS = 60_000;
/** Differences below are the way that a message takes. */
const CLOCK_TOLERANCE_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One connection of a charge point: answers it, keeps what it says, and gives it the planned schedule. */
export class ChargePointSession {
  readonly #ports: ChargePointPorts;
  /** Calls go out one after the other: charge points lose those that come while they work on one. */
  readonly #oneAtATime = pLimit(1);
  #state: ConnectorState;
  #profile: SetpointProfile | null = null;
  #level: ControlLevel = 'TxProfile';
  #clockAheadMs = 0;
  #sent = '';
  #startedRealMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(ports: ChargePointPorts, state: ConnectorState) {
    this.#ports = ports;
    this.#state = state;
  }

  get level(): ControlLevel {
    return this.#level;
  }

  /** Answers a message of the charge point. @returns undefined for one that the protocol does not have */
  handle(method: string, params: unknown): Readonly<Record<string, unknown>> | undefined {
    const { dialect, now } = this.#ports;
    const nowRealMs = now();
    const { transaction } = this.#state;
    const reaction = dialect.react(method, params, { nowRealMs, transaction });
    if (!reaction) return undefined;
    if (reaction.clockMs !== undefined) {
      const aheadMs = reaction.clockMs - nowRealMs;
      this.#clockAheadMs = Math.abs(aheadMs) < CLOCK_TOLERANCE_MS ? 0 : aheadMs;
    }
    this.#take(reaction.events);
    if (method === 'BootNotification') void this.#setUp();
    return reaction.response;
  }

  /** Tells what a charge point that connects again without a boot has missed. */
  connected(): void {
    this.#take([{ kind: 'connected' }]);
    void this.#setUp();
  }

  /** Follows this profile from now on; null: none, so that the fail-safe holds. */
  follow(profile: SetpointProfile | null): void {
    this.#profile = profile;
    void this.#apply();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#take([{ kind: 'disconnected' }]);
  }

  #take(events: readonly ConnectorEvent[]): void {
    if (events.length === 0) return;
    const before = this.#state;
    this.#state = events.reduce<ConnectorState>(afterEvent, before);
    if (before.transaction && !this.#state.transaction) this.#startedRealMs = this.#ports.now();
    this.#ports.onState(this.#state, events);
    const isNews =
      before.transaction?.id !== this.#state.transaction?.id ||
      before.plug !== this.#state.plug ||
      before.isCharging !== this.#state.isCharging;
    if (isNews && !this.#closed) void this.#apply();
  }

  async #setUp(): Promise<void> {
    const { dialect, supply } = this.#ports;
    this.#sent = '';
    this.#level = 'TxProfile';
    await this.#tell(dialect.failSafe(FAIL_SAFE_AMPS, supply.phases));
    for (const call of dialect.setUp) await this.#tell(call);
    await this.#apply();
  }

  async #apply(): Promise<void> {
    if (this.#closed) return;
    const { supply, clock, now } = this.#ports;
    clearTimeout(this.#timer);
    const schedule = chargingSchedule(this.#profile, supply, clock, now()) ?? failSafeSchedule(now());
    const limitAmps = limitAt(schedule, now());
    await this.#startWhenPlugged(limitAmps);
    if (this.#level !== 'switching') await this.#sendSchedule(schedule);
    if (this.#level === 'switching') await this.#switch(limitAmps);
    this.#lookAgainAt(schedule);
  }

  /** Sends the schedule in the strongest form that the charge point takes. */
  async #sendSchedule(schedule: ChargingSchedule): Promise<void> {
    const { dialect, supply } = this.#ports;
    const { transaction } = this.#state;
    const purpose: ProfilePurpose = this.#level === 'TxProfile' && transaction ? 'TxProfile' : 'TxDefaultProfile';
    const wanted = JSON.stringify([purpose, transaction?.id, limitsOf(schedule)]);
    if (wanted === this.#sent) return;
    const clockAheadMs = this.#clockAheadMs;
    const isTaken = await this.#tell(
      dialect.schedule(schedule, purpose, transaction, { phases: supply.phases, clockAheadMs }),
    );
    if (isTaken) {
      this.#sent = wanted;
      return;
    }
    if (isTaken === undefined) return;
    this.#level = purpose === 'TxProfile' ? 'TxDefaultProfile' : 'switching';
    this.#ports.log.warn({ level: this.#level }, 'the charge point does not take this kind of schedule');
    if (this.#level === 'TxDefaultProfile') await this.#sendSchedule(schedule);
  }

  async #switch(limitAmps: number): Promise<void> {
    const { transaction } = this.#state;
    if (limitAmps === 0 && transaction) await this.#tell(this.#ports.dialect.stop(transaction));
  }

  async #startWhenPlugged(limitAmps: number): Promise<void> {
    const { plug, transaction, online } = this.#state;
    const { dialect, now } = this.#ports;
    if (!online || plug !== 'plugged' || transaction || limitAmps === 0) return;
    if (now() - this.#startedRealMs < START_AGAIN_REAL_MS) return;
    this.#startedRealMs = now();
    await this.#tell(dialect.start());
  }

  /** At the next change of the schedule, for a charge point that must be switched or started by us. */
  #lookAgainAt({ periods, endRealMs }: ChargingSchedule): void {
    if (this.#closed) return;
    const nowRealMs = this.#ports.now();
    const next = Math.min(
      ...[...periods.map(({ startRealMs }) => startRealMs), endRealMs].filter((at) => at > nowRealMs),
    );
    if (next === Infinity) return;
    this.#timer = setTimeout(() => void this.#apply(), Math.min(next - nowRealMs, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  /** @returns whether the charge point does it; undefined when it did not answer */
  async #tell(call: OcppCall): Promise<boolean | undefined> {
    const { call: send, log } = this.#ports;
    return this.#oneAtATime(async () => {
      if (this.#closed) return undefined;
      try {
        const answer = await send(call);
        const accepted = isAccepted(answer);
        if (!accepted) log.info({ method: call.method, params: call.params, answer }, 'the charge point refuses');
        return accepted;
      } catch (error) {
        log.warn({ err: error, method: call.method }, 'the charge point does not do what it is told');
        return isRefusal(error) ? false : undefined;
      }
    });
  }
}

/** What was sent is sent again only when limits change, not because a slot has passed. */
function limitsOf({ periods, endRealMs }: ChargingSchedule) {
  return [periods.map(({ startRealMs, limitAmps }, index) => [index === 0 ? 0 : startRealMs, limitAmps]), endRealMs];
}

function failSafeSchedule(nowRealMs: number): ChargingSchedule {
  return { periods: [{ startRealMs: nowRealMs, limitAmps: FAIL_SAFE_AMPS }], endRealMs: nowRealMs + HOUR_MS };
}

/** Of a charge point that does not know what is asked; one that failed at it is asked again. */
const REFUSALS: ReadonlySet<unknown> = new Set(['NotImplemented', 'NotSupported', 'PropertyConstraintViolation']);

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'rpcErrorCode' in error && REFUSALS.has(error.rpcErrorCode);
}
