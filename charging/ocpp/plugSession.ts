import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import type { Logger } from 'pino';
import type { Clock } from '../../domain/clock.ts';
import type { SetpointProfile } from '../../domain/setpoints.ts';
import { chargingSchedule, FAIL_SAFE_AMPS, limitAt, type ChargingSchedule, type Supply } from '../chargingSchedule.ts';
import { afterEvent, type ConnectorEvent, type ConnectorState } from './connector.ts';
import type { Dialect, OcppCall, ProfilePurpose } from './dialect.ts';

/** How a charge point can be told: by schedules of one kind or the other, or only by starting and stopping it. */
export type ControlLevel = ProfilePurpose | 'switching';

/** What is known of one plug of a charge point, and who is told of it. */
export interface PlugPorts {
  readonly supply: Supply;
  /** Told of each change, in order. */
  readonly onState: (state: ConnectorState, events: readonly ConnectorEvent[]) => void;
}

/** The line that the plugs of a charge point share. */
export interface PlugLine {
  readonly dialect: Dialect;
  readonly clock: Clock;
  /** Real time, epoch ms. */
  readonly now: () => number;
  /** By which the charge point's clock is ahead of ours. */
  readonly clockAheadMs: () => number;
  /** @returns whether the charge point does it; undefined when it did not answer */
  readonly tell: (call: OcppCall) => Promise<boolean | undefined>;
  readonly log: Logger;
}

/**
 * A start that the charge point does not follow is asked for again after this long; and so long nothing is started after a
 * transaction has ended: whoever ended it is about to unplug.
 */
const START_AGAIN_REAL_MS = MINUTE_MS;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One plug of a connected charge point: keeps what is said of it, and gives it the planned schedule. */
export class PlugSession {
  readonly #plug: number;
  readonly #ports: PlugPorts;
  readonly #line: PlugLine;
  #state: ConnectorState;
  #profile: SetpointProfile | null = null;
  #level: ControlLevel = 'TxProfile';
  #sent = '';
  #startedRealMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(plug: number, ports: PlugPorts, line: PlugLine, state: ConnectorState) {
    this.#plug = plug;
    this.#ports = ports;
    this.#line = line;
    this.#state = state;
  }

  get level(): ControlLevel {
    return this.#level;
  }

  get state(): ConnectorState {
    return this.#state;
  }

  /** Follows this profile from now on; null: none, so that the fail-safe holds. */
  follow(profile: SetpointProfile | null): void {
    this.#profile = profile;
    void this.#apply();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.take([{ kind: 'disconnected' }]);
  }

  take(events: readonly ConnectorEvent[]): void {
    if (events.length === 0) return;
    const before = this.#state;
    this.#state = events.reduce<ConnectorState>(afterEvent, before);
    if (before.transaction && !this.#state.transaction) this.#startedRealMs = this.#line.now();
    this.#ports.onState(this.#state, events);
    const isNews =
      before.transaction?.id !== this.#state.transaction?.id ||
      before.plug !== this.#state.plug ||
      before.isCharging !== this.#state.isCharging;
    if (isNews && !this.#closed) void this.#apply();
  }

  /** After a boot or a new connection, when the charge point may have forgotten everything. */
  async secure(): Promise<void> {
    const { dialect, tell } = this.#line;
    this.#sent = '';
    this.#level = 'TxProfile';
    await tell(dialect.failSafe(this.#plug, FAIL_SAFE_AMPS, this.#ports.supply.phases));
  }

  /** Asks what stands, and gives what is planned. */
  async begin(): Promise<void> {
    const { dialect, tell } = this.#line;
    for (const call of dialect.ask(this.#plug)) await tell(call);
    await this.#apply();
  }

  async #apply(): Promise<void> {
    if (this.#closed) return;
    const { clock, now } = this.#line;
    clearTimeout(this.#timer);
    const schedule = chargingSchedule(this.#profile, this.#ports.supply, clock, now()) ?? failSafeSchedule(now());
    const limitAmps = limitAt(schedule, now());
    await this.#startWhenPlugged(limitAmps);
    if (this.#level !== 'switching') await this.#sendSchedule(schedule);
    if (this.#level === 'switching') await this.#switch(limitAmps);
    this.#lookAgainAt(schedule);
  }

  /** Sends the schedule in the strongest form that the charge point takes. */
  async #sendSchedule(schedule: ChargingSchedule): Promise<void> {
    const { dialect, clockAheadMs, tell, log } = this.#line;
    const { transaction } = this.#state;
    const purpose: ProfilePurpose = this.#level === 'TxProfile' && transaction ? 'TxProfile' : 'TxDefaultProfile';
    const wanted = JSON.stringify([purpose, transaction?.id, limitsOf(schedule)]);
    if (wanted === this.#sent) return;
    const supply = { phases: this.#ports.supply.phases, clockAheadMs: clockAheadMs() };
    const isTaken = await tell(dialect.schedule(this.#plug, schedule, purpose, transaction, supply));
    if (isTaken) {
      this.#sent = wanted;
      return;
    }
    if (isTaken === undefined) return;
    this.#level = purpose === 'TxProfile' ? 'TxDefaultProfile' : 'switching';
    log.warn({ plug: this.#plug, level: this.#level }, 'the charge point does not take this kind of schedule');
    if (this.#level === 'TxDefaultProfile') await this.#sendSchedule(schedule);
  }

  async #switch(limitAmps: number): Promise<void> {
    const { transaction } = this.#state;
    if (limitAmps === 0 && transaction) await this.#line.tell(this.#line.dialect.stop(transaction));
  }

  async #startWhenPlugged(limitAmps: number): Promise<void> {
    const { plug, transaction, online } = this.#state;
    const { dialect, now, tell } = this.#line;
    if (!online || plug !== 'plugged' || transaction || limitAmps === 0) return;
    if (now() - this.#startedRealMs < START_AGAIN_REAL_MS) return;
    this.#startedRealMs = now();
    await tell(dialect.start(this.#plug));
  }

  /** At the next change of the schedule, for a charge point that must be switched or started by us. */
  #lookAgainAt({ periods, endRealMs }: ChargingSchedule): void {
    if (this.#closed) return;
    const nowRealMs = this.#line.now();
    const next = Math.min(
      ...[...periods.map(({ startRealMs }) => startRealMs), endRealMs].filter((at) => at > nowRealMs),
    );
    if (next === Infinity) return;
    this.#timer = setTimeout(() => void this.#apply(), Math.min(next - nowRealMs, LONGEST_TIMER_MS));
    this.#timer.unref();
  }
}

/** What was sent is sent again only when limits change, not because a slot has passed. */
function limitsOf({ periods, endRealMs }: ChargingSchedule) {
  return [periods.map(({ startRealMs, limitAmps }, index) => [index === 0 ? 0 : startRealMs, limitAmps]), endRealMs];
}

function failSafeSchedule(nowRealMs: number): ChargingSchedule {
  return { periods: [{ startRealMs: nowRealMs, limitAmps: FAIL_SAFE_AMPS }], endRealMs: nowRealMs + HOUR_MS };
}
