import type { Logger } from 'pino';

import { nextReadyBy } from '../../domain/readyBy.ts';
import type { Database } from '../../store/database.ts';
import {
  closeParkingSession,
  listOpenParkingSessions,
  openParkingSession,
  readOpenParkingSession,
  type ParkingSession,
} from '../../store/parkingSessions.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { readVehicleState } from '../../store/vehicleStates.ts';

/** Starts and ends the durable session behind a stay; the composition root implements it with Temporal. */
export interface SessionStarter {
  /** Starts the stay's session; asked again, also after it has ended, it does nothing. */
  start(session: ParkingSession, vehicle: Vehicle): Promise<void>;
  /** Tells the session that the car has gone; a session that has ended or never was takes no harm. */
  unplugged(session: ParkingSession, departure: { readonly atMs: number; readonly reason: string }): Promise<void>;
}

/** Grid time. */
export type StayChange =
  | { readonly kind: 'arrival'; readonly atMs: number }
  | { readonly kind: 'departure'; readonly atMs: number; readonly reason: string };

interface SessionKeeperPorts {
  readonly database: Database;
  readonly cellId: string;
  readonly starter: SessionStarter;
  readonly logger: Logger;
}

const RETRY_AFTER_REAL_MS = 1_000;
const CARS_AT_ONCE = 16;

/**
 * Turns arrivals and departures into parking sessions, for each car in order and until each is done: Temporal or
 * PostgreSQL being away only delays them.
 */
export class SessionKeeper {
  readonly #ports: SessionKeeperPorts;
  readonly #waiting = new Map<string, { vehicle: Vehicle; changes: StayChange[] }>();
  #working: Promise<void> | undefined;
  #pausedUntilRealMs = 0;

  constructor(ports: SessionKeeperPorts) {
    this.#ports = ports;
  }

  push(vehicle: Vehicle, change: StayChange): void {
    const changes = this.#waiting.get(vehicle.id)?.changes ?? [];
    this.#waiting.set(vehicle.id, { vehicle, changes: [...changes, change] });
  }

  /** Applies the waiting changes. A second call while one runs waits for that one; a failure leaves the rest for later. */
  async work(): Promise<void> {
    if (Date.now() < this.#pausedUntilRealMs) return;
    this.#working ??= this.#workOnce().finally(() => {
      this.#working = undefined;
    });
    await this.#working;
  }

  /**
   * After a restart: what was fused and what was started may differ, if we were killed in between. Stays that are
   * open are started again, which does nothing to those that run.
   * @param plugged cars that are plugged in
   */
  async reconcile(vehicles: ReadonlyMap<string, Vehicle>, plugged: ReadonlySet<string>, atMs: number): Promise<void> {
    const open = await listOpenParkingSessions(this.#ports.database, this.#ports.cellId);
    for (const { vehicleId } of open) {
      const vehicle = vehicles.get(vehicleId);
      if (!vehicle) continue;
      this.push(vehicle, { kind: 'arrival', atMs });
      if (!plugged.has(vehicleId))
        this.push(vehicle, { kind: 'departure', atMs, reason: 'it left while nobody listened' });
    }
    const isOpen = new Set(open.map(({ vehicleId }) => vehicleId));
    for (const vehicleId of plugged) {
      const vehicle = vehicles.get(vehicleId);
      if (vehicle && !isOpen.has(vehicleId)) this.push(vehicle, { kind: 'arrival', atMs });
    }
  }

  async #workOnce(): Promise<void> {
    const vehicleIds = [...this.#waiting.keys()];
    const worker = async (): Promise<void> => {
      for (let vehicleId = vehicleIds.shift(); vehicleId !== undefined; vehicleId = vehicleIds.shift()) {
        await this.#workOnCar(vehicleId);
      }
    };
    await Promise.all(Array.from({ length: CARS_AT_ONCE }, worker));
  }

  /** The car's changes in their order, up to the first that fails. */
  async #workOnCar(vehicleId: string): Promise<void> {
    for (let waiting = this.#waiting.get(vehicleId); waiting; waiting = this.#waiting.get(vehicleId)) {
      const [change] = waiting.changes;
      if (!change) {
        this.#waiting.delete(vehicleId);
        return;
      }
      try {
        await this.#apply(waiting.vehicle, change);
      } catch (error) {
        this.#ports.logger.warn({ err: error, vehicleId, change: change.kind }, 'parking session: will try again');
        this.#pausedUntilRealMs = Date.now() + RETRY_AFTER_REAL_MS;
        return;
      }
      // More may have been pushed meanwhile.
      const { vehicle, changes } = this.#waiting.get(vehicleId) ?? waiting;
      this.#waiting.set(vehicleId, { vehicle, changes: changes.slice(1) });
    }
  }

  async #apply(vehicle: Vehicle, change: StayChange): Promise<void> {
    const { database, starter } = this.#ports;
    if (change.kind === 'arrival') {
      // From what is stored: the SoC may have come after the signs of the plug.
      const state = await readVehicleState(database, vehicle.id);
      const { atMs: readyByMs, targetSocPercent } = nextReadyBy(vehicle.policy, change.atMs);
      const session = await openParkingSession(database, {
        vehicleId: vehicle.id,
        pluggedInAtMs: change.atMs,
        readyByMs,
        targetSocPercent,
        arrivalSocPercent: state?.socPercent ?? null,
      });
      await starter.start(session, vehicle);
      return;
    }
    const session = await readOpenParkingSession(database, vehicle.id);
    if (!session) return;
    await starter.unplugged(session, change);
    // The session closes it too; done here, the next arrival never finds this stay open.
    await closeParkingSession(database, vehicle.id, session.stay, change.atMs);
  }
}
