import type { IPublishPacket, MqttClient } from 'mqtt';
import type { Logger } from 'pino';

import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { isAtSite } from '../../domain/site.ts';
import type { MeterReading } from '../../domain/setpoints.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { saveFetchedModel } from '../../store/modelOrders.ts';
import { listVehicles, type Vehicle } from '../../store/vehicles.ts';
import { listVehicleStates } from '../../store/vehicleStates.ts';
import { initialState, restoreState, type FusedState } from './fusedState.ts';
import { fuse, type FusionEvent, type FusionInput } from './fusion.ts';
import { inWords, journalLineOf } from './journalLines.ts';
import { NEW_TRACK, trackMeter } from './plausibility.ts';
import { SessionKeeper, type SessionStarter, type StayChange } from './sessionKeeper.ts';
import { withEnergy } from './stayEnergy.ts';
import { claimUpdateOf } from './telemetryClaims.ts';
import { ingressTopics, readMessage } from './telemetryMessage.ts';
import { WriteBatch } from './writeBatch.ts';

export interface IngressPorts {
  readonly database: Database;
  readonly cell: Cell;
  /** Connected or still connecting; the ingress does not end it. */
  readonly mqtt: MqttClient;
  /** Topic base of the telemetry dispatcher. */
  readonly telemetryBase: string;
  readonly sessions: SessionStarter;
  readonly logger: Logger;
  /** Told of each meter reading: grid seconds since it was read, by the car's clock. */
  readonly onMetered?: (lagSeconds: number) => void;
  /** Told of each batch that is stored: real seconds since its first message. */
  readonly onWritten?: (seconds: number) => void;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}

export interface IngressCounts {
  readonly messages: number;
  /** Of cars that are not enrolled: telemetry can be falsified, and we pay by it. */
  readonly unknownVehicle: number;
  readonly unreadable: number;
  /** Cars' data that the database refused. */
  readonly refused: number;
}

export interface Ingress {
  /** Settles when the broker has taken our subscriptions. */
  readonly subscribed: Promise<unknown>;
  counts(): IngressCounts;
  /** Stops listening and writes what it has. */
  close(): Promise<void>;
}

const FLUSH_REAL_MS = 200;
const TICK_REAL_MS = 1_000;
const RELOAD_REAL_MS = 30_000;
/** A stranger may be a car that was enrolled just now. */
const RELOAD_FOR_STRANGER_REAL_MS = 2_000;
/** Readings of a car whose clock is off would be booked into the wrong slots, or block all later ones. */
const METER_WINDOW_MS = { past: 7 * DAY_MS, ahead: 15 * MINUTE_MS } as const;

/** Profiles come each slot; one that a car was left with, e.g. while it slept, is answered when it wakes. */
const PROBE_LIFE_MS = HOUR_MS;

/** Listens to the cars' telemetry and meters: fuses it, stores it in batches, and starts and ends parking sessions. */
export async function startIngress(ports: IngressPorts): Promise<Ingress> {
  const { database, cell, mqtt, logger, now } = ports;
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));
  const counts = { messages: 0, unknownVehicle: 0, unreadable: 0, refused: 0 };
  const states = new Map<string, FusedState>();
  const batch = new WriteBatch(database, cell, logger, () => (counts.refused += 1));
  let firstRealMs: number | undefined;
  const keeper = new SessionKeeper({ database, cellId: cell.id, starter: ports.sessions, logger });
  let vehicles = await readRoster(ports);
  let loadedRealMs = now();
  let strangerSeen = false;

  for (const { vehicleId, fused } of await listVehicleStates(database, cell.id)) {
    states.set(vehicleId, restoreState(fused, gridNowMs()));
  }
  await keeper.reconcile(vehicles, pluggedIn(states), gridNowMs());

  const keep = (vehicle: Vehicle, before: FusedState, state: FusedState, atMs: number): void => {
    states.set(vehicle.id, state);
    batch.addState(vehicle.id, state, atMs);
    const claims = claimUpdateOf(vehicle.id, before, state, atMs);
    if (claims) batch.addClaims(claims);
  };

  const take = (vehicle: Vehicle, input: FusionInput): void => {
    const atMs = gridNowMs();
    const before = states.get(vehicle.id) ?? initialState(atMs);
    const { state: fused, events } = fuse(before, input, atMs);
    if (fused === before) return;
    const state = placed(vehicle, withEnergy(before, fused, vehicle, input, atMs));
    keep(vehicle, before, state, atMs);
    for (const event of events) {
      const line = journalLineOf(vehicle, state, event);
      if (line) batch.addLine(line);
      const change = stayChangeOf(vehicle, event);
      // Told on only when the state is stored: the session reads the car's SoC from there.
      if (change) batch.afterWrite(() => keeper.push(vehicle, change));
    }
  };

  const takeReading = (vehicle: Vehicle, reading: MeterReading): void => {
    batch.addReading({ ...reading, vehicleId: vehicle.id });
    const before = states.get(vehicle.id);
    if (!before) return;
    keep(vehicle, before, { ...before, energy: trackMeter(before.energy ?? NEW_TRACK, vehicle, reading) }, gridNowMs());
  };

  const onMessage = (topic: string, payload: Buffer, { retain }: IPublishPacket): void => {
    counts.messages += 1;
    firstRealMs ??= now();
    const message = readMessage(ports.telemetryBase, topic, payload, retain);
    if (message.kind === 'unreadable') counts.unreadable += 1;
    if (message.kind === 'unreadable' || message.kind === 'ignored') return;
    const vehicle = vehicles.get(message.vehicleId);
    if (!vehicle) {
      counts.unknownVehicle += 1;
      strangerSeen = true;
      return;
    }
    if (message.kind === 'telemetry') return take(vehicle, message.input);
    if (message.kind === 'fetched') {
      const fetched = { ...message.fetched, vehicleId: vehicle.id, atMs: gridNowMs() };
      // A hint for plans, told again when the agent starts: not worth a place among what must not be lost.
      saveFetchedModel(database, fetched).catch((error: unknown) =>
        logger.warn({ err: error, vehicleId: vehicle.id }, 'what a car has fetched could not be stored'),
      );
      return;
    }
    if (message.kind === 'answered') {
      const atMs = gridNowMs();
      // Of a profile that is not in force any more, anybody may have kept the answer.
      if (Math.abs(atMs - message.answered.issuedAtMs) <= PROBE_LIFE_MS) batch.hear(vehicle.id, atMs);
      return;
    }
    if (message.kind === 'position') {
      const { position, retained } = message;
      if (!vehicle.site && states.get(vehicle.id)?.values.Location === undefined) return;
      // The position itself is not kept: nobody needs to know where a car has been.
      const value = position && vehicle.site ? (isAtSite(position, vehicle.site) ? 'here' : 'elsewhere') : null;
      return take(vehicle, { kind: 'field', name: 'Location', value, retained });
    }
    const aheadMs = message.reading.atMs - gridNowMs();
    if (aheadMs > METER_WINDOW_MS.ahead || -aheadMs > METER_WINDOW_MS.past) counts.unreadable += 1;
    else {
      ports.onMetered?.(Math.max(0, -aheadMs / 1_000));
      takeReading(vehicle, message.reading);
    }
  };

  let tickedRealMs = now();
  const flush = async (): Promise<void> => {
    if (now() - tickedRealMs >= TICK_REAL_MS) {
      tickedRealMs = now();
      for (const vehicleId of states.keys()) {
        const vehicle = vehicles.get(vehicleId);
        if (vehicle) take(vehicle, { kind: 'tick' });
      }
    }
    const sinceRealMs = firstRealMs;
    firstRealMs = undefined;
    await batch.write().catch((error: unknown) => {
      firstRealMs ??= sinceRealMs;
      throw error;
    });
    if (sinceRealMs !== undefined) ports.onWritten?.((now() - sinceRealMs) / 1_000);
    void keeper.work();
    if (now() - loadedRealMs >= (strangerSeen ? RELOAD_FOR_STRANGER_REAL_MS : RELOAD_REAL_MS)) {
      vehicles = await readRoster(ports);
      loadedRealMs = now();
      strangerSeen = false;
    }
  };
  const flushing = repeat(FLUSH_REAL_MS, () =>
    flush().catch((error: unknown) => logger.warn({ err: error }, 'telemetry could not be stored; it is kept')),
  );

  mqtt.on('message', onMessage);
  const subscribed = mqtt.subscribeAsync(ingressTopics(ports.telemetryBase), { qos: 1 });
  subscribed.catch((error: unknown) => logger.error({ err: error }, 'telemetry could not be subscribed to'));

  return {
    subscribed,
    counts: () => ({ ...counts }),
    close: async () => {
      mqtt.off('message', onMessage);
      await flushing.stop();
      await batch.write();
      await keeper.work();
    },
  };
}

async function readRoster({ database, cell }: IngressPorts): Promise<Map<string, Vehicle>> {
  return new Map((await listVehicles(database, cell.id)).map((vehicle) => [vehicle.id, vehicle]));
}

function pluggedIn(states: ReadonlyMap<string, FusedState>): Set<string> {
  return new Set([...states].filter(([, { plug }]) => plug !== 'away').map(([vehicleId]) => vehicleId));
}

/** A site node never leaves its plug: it counts as there for as long as it is heard. */
function placed({ kind }: Vehicle, state: FusedState): FusedState {
  return kind === 'site_node' ? { ...state, plug: state.online ? 'plugged' : 'away' } : state;
}

function stayChangeOf({ kind }: Vehicle, event: FusionEvent): StayChange | undefined {
  const { atMs } = event;
  if (kind === 'site_node') {
    if (event.kind === 'online') return { kind: 'arrival', atMs };
    return event.kind === 'offline' ? { kind: 'departure', atMs, reason: 'its agent is out of reach' } : undefined;
  }
  if (event.kind === 'pluggedIn') return { kind: 'arrival', atMs };
  return event.kind === 'unplugged' ? { kind: 'departure', atMs, reason: inWords(event.signs) } : undefined;
}

/** Runs `work` again and again, `pauseRealMs` after it has ended. */
function repeat(pauseRealMs: number, work: () => Promise<void>): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = work().then(() => {
        if (!stopped) schedule();
      });
    }, pauseRealMs);
  };
  schedule();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
