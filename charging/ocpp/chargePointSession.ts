import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Clock } from '../../domain/clock.ts';
import type { ConnectorEvent, ConnectorState } from './connector.ts';
import { isAccepted, type Dialect, type OcppCall } from './dialect.ts';
import { PlugSession, type PlugPorts } from './plugSession.ts';

/** One plug of a charge point, as it is enrolled. */
export interface EnrolledPlug extends PlugPorts {
  /** What was known of it. */
  readonly state: ConnectorState;
  /** It is there; called again when the charge point connects anew. */
  readonly onSession: (session: PlugSession) => void;
}

export interface ChargePointPorts {
  readonly dialect: Dialect;
  /** By connector (1.6) or EVSE (2.0.1), from 1. */
  readonly plugs: ReadonlyMap<number, EnrolledPlug>;
  readonly clock: Clock;
  /** Sends a call. @throws what the charge point answers when it does not do it, or when it does not answer */
  readonly call: (call: OcppCall) => Promise<unknown>;
  /** A plug speaks that is not enrolled: nobody plans with what is drawn there. Told once of each. */
  readonly onUnknownPlug: (plug: number) => void;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Differences below are the way that a message takes. */
const CLOCK_TOLERANCE_MS = 5_000;

/** One connection of a charge point: answers it, and hands on what it says to its plugs. */
export class ChargePointSession {
  readonly #ports: ChargePointPorts;
  /** Calls go out one after the other: charge points lose those that come while they work on one. */
  readonly #oneAtATime = pLimit(1);
  readonly #plugs: ReadonlyMap<number, PlugSession>;
  readonly #unknown = new Set<number>();
  #clockAheadMs = 0;
  #closed = false;

  constructor(ports: ChargePointPorts) {
    this.#ports = ports;
    const { dialect, clock, now, log } = ports;
    const line = {
      dialect,
      clock,
      now,
      clockAheadMs: () => this.#clockAheadMs,
      tell: (call: OcppCall) => this.#tell(call),
      log,
    };
    this.#plugs = new Map(
      [...ports.plugs].map(([plug, { state, supply, onState }]) => [
        plug,
        new PlugSession(plug, { supply, onState }, line, state),
      ]),
    );
  }

  /** Answers a message of the charge point. @returns undefined for one that the protocol does not have */
  handle(method: string, params: unknown): Readonly<Record<string, unknown>> | undefined {
    const { dialect, now } = this.#ports;
    const nowRealMs = now();
    const transactions = new Map([...this.#plugs].map(([plug, { state }]) => [plug, state.transaction]));
    const reaction = dialect.react(method, params, { nowRealMs, transactions });
    if (!reaction) return undefined;
    if (reaction.clockMs !== undefined) {
      const aheadMs = reaction.clockMs - nowRealMs;
      this.#clockAheadMs = Math.abs(aheadMs) < CLOCK_TOLERANCE_MS ? 0 : aheadMs;
    }
    this.#take(reaction.plug, reaction.events);
    if (method === 'BootNotification') void this.#setUp();
    return reaction.response;
  }

  /** Tells what a charge point that connects again without a boot has missed. */
  connected(): void {
    for (const [plug, session] of this.#plugs) this.#ports.plugs.get(plug)?.onSession(session);
    this.#take(undefined, [{ kind: 'connected' }]);
    void this.#setUp();
  }

  close(): void {
    this.#closed = true;
    for (const session of this.#plugs.values()) session.close();
  }

  /** @param plug undefined: all */
  #take(plug: number | undefined, events: readonly ConnectorEvent[]): void {
    if (events.length === 0) return;
    if (plug === undefined) {
      for (const session of this.#plugs.values()) session.take(events);
      return;
    }
    const session = this.#plugs.get(plug);
    if (session) return session.take(events);
    if (this.#unknown.has(plug)) return;
    this.#unknown.add(plug);
    this.#ports.onUnknownPlug(plug);
  }

  async #setUp(): Promise<void> {
    for (const session of this.#plugs.values()) await session.secure();
    for (const call of this.#ports.dialect.setUp) await this.#tell(call);
    for (const session of this.#plugs.values()) await session.begin();
  }

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

/** Of a charge point that does not know what is asked; one that failed at it is asked again. */
const REFUSALS: ReadonlySet<unknown> = new Set(['NotImplemented', 'NotSupported', 'PropertyConstraintViolation']);

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'rpcErrorCode' in error && REFUSALS.has(error.rpcErrorCode);
}
