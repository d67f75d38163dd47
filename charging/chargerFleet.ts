import { setTimeout as sleep } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { ChargerBridge, newPlug, type KeptPlug } from './chargerBridge.ts';
import type { AdmittedChargePoint } from './ocpp/centralSystem.ts';
import type { EnrolledPlug } from './ocpp/chargePointSession.ts';
import { NEW_PLUG_METER } from './plugMeter.ts';
import { gridTimeMs } from '../domain/clock.ts';
import { topics } from '../domain/names.ts';
import type { Cell } from '../store/cells.ts';
import { admitChargePoint, listChargerPlugs, saveChargerPlug, type ChargerPlug } from '../store/chargePoints.ts';
import type { Database } from '../store/database.ts';
import { appendJournal } from '../store/journal.ts';

export interface ChargerFleetPorts {
  readonly database: Database;
  readonly cell: Cell;
  readonly mqtt: MqttClient;
  readonly telemetryBase: string;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

/** A charger that is refused again and again is told of once in this time. */
const REFUSAL_AGAIN_REAL_MS = 600_000;

/** How often what is enrolled is read again. */
const RELOAD_REAL_MS = 5_000;

/** Every plug of the cell's chargers that are or were connected, each with its bridge to its car's topics. */
export class ChargerFleet {
  readonly #ports: ChargerFleetPorts;
  /** By charger and plug. */
  readonly #bridges = new Map<string, ChargerBridge>();
  /** By charger: its plugs as it was let in with. */
  readonly #admitted = new Map<string, string>();
  readonly #byTopic = new Map<string, (payload: string) => void>();
  /** Of one charger in order: a later state must not be overwritten by an earlier one. */
  readonly #saving = pLimit(1);
  readonly #refusedRealMs = new Map<string, number>();

  constructor(ports: ChargerFleetPorts) {
    this.#ports = ports;
    ports.mqtt.on('message', (topic, payload) => this.#byTopic.get(topic)?.(payload.toString('utf8')));
  }

  /** @returns undefined for a charger that is not enrolled here, or whose password is wrong */
  async admit(id: string, passwordSha256: string): Promise<AdmittedChargePoint | undefined> {
    const { database, cell, now } = this.#ports;
    const known = await admitChargePoint<KeptPlug>(database, id, passwordSha256);
    const enrolled = known.filter(({ cellId }) => cellId === cell.id);
    if (enrolled.length === 0) return undefined;
    this.#admitted.set(id, enrolmentOf(enrolled));
    const plugs = new Map<number, EnrolledPlug>();
    for (const each of enrolled) {
      const { plug, phases, maxAmps, metersCompute } = each;
      const key = `${id}/${plug}`;
      const before = this.#bridges.get(key)?.kept;
      const bridge = this.#bridgeOf(each, before ?? each.state ?? newPlug(NEW_PLUG_METER));
      this.#bridges.set(key, bridge);
      await this.#listen(each, bridge);
      plugs.set(plug, {
        state: bridge.kept.connector,
        supply: { phases, maxAmps, metersCompute },
        onState: (state, events) => bridge.take(state, events),
        onSession: (session) => bridge.attach(session),
      });
    }
    return { plugs, clock: cell.clock, now, onUnknownPlug: (plug) => this.#tellUnknownPlug(id, plug) };
  }

  /**
   * Cuts chargers off whose enrolment has changed or ended, again and again until `signal` aborts: they come back as what
   * they now are, or not at all.
   */
  async keepUp(disconnect: (id: string) => void, signal: AbortSignal): Promise<void> {
    const { database, cell, log } = this.#ports;
    while (!signal.aborted) {
      await sleep(RELOAD_REAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const now = await listChargerPlugs<KeptPlug>(database, cell.id).catch((error: unknown) => {
        log.warn({ err: error }, 'the chargers could not be read; those that were known go on');
      });
      if (!now) continue;
      for (const [id, before] of this.#admitted) {
        const plugs = now.filter(({ chargePointId }) => chargePointId === id);
        if (enrolmentOf(plugs) === before) continue;
        this.#admitted.delete(id);
        disconnect(id);
      }
    }
  }

  /** Whoever owns the charger should learn that it knocks in vain. */
  tellRefused(id: string, why: string): void {
    const { now, log } = this.#ports;
    const lastRealMs = this.#refusedRealMs.get(id) ?? -Infinity;
    if (now() - lastRealMs < REFUSAL_AGAIN_REAL_MS) return;
    // Names are a stranger's: they must not fill the memory.
    if (this.#refusedRealMs.size > 1_000) this.#refusedRealMs.clear();
    this.#refusedRealMs.set(id, now());
    log.warn({ chargePoint: id, why }, 'a charger was refused');
    this.#journal(id.slice(0, 100).replaceAll('\0', ''), `A charger was refused: ${why}`);
  }

  #tellUnknownPlug(id: string, plug: number): void {
    this.#ports.log.warn({ chargePoint: id, plug }, 'a plug speaks that is not enrolled');
    const mend = `nightshift charger add ${id} --plug ${plug} --feeder FEEDER`;
    this.#journal(id, `Plug ${plug} of charger ${id} is not enrolled, so nobody plans with what it draws: ${mend}`);
  }

  #journal(subject: string, message: string): void {
    const { database, cell, now, log } = this.#ports;
    const atMs = Math.round(gridTimeMs(cell.clock, now()));
    appendJournal(database, cell.id, [{ atMs, kind: 'fallback', subject, message }]).catch((error: unknown) =>
      log.warn({ err: error }, 'what a charger did could not be journalled'),
    );
  }

  async close(): Promise<void> {
    await this.#saving(async () => {});
  }

  #bridgeOf(enrolled: ChargerPlug, kept: KeptPlug): ChargerBridge {
    const { chargePointId, plug, vehicleId, idTokens, metersCompute } = enrolled;
    const { database, mqtt, cell, telemetryBase, now, log } = this.#ports;
    return new ChargerBridge(
      { carId: vehicleId, idTokens, metersCompute, telemetryBase, clock: cell.clock },
      {
        publish: ({ topic, payload }) => {
          mqtt.publish(topic, payload, { qos: 1, retain: true }, (error) => {
            if (error) log.warn({ err: error, topic }, 'publishing failed');
          });
        },
        save: (state) => {
          const { chargingKwh, computeKwh } = state.meter;
          this.#saving(() => saveChargerPlug(database, enrolled, { state, chargingKwh, computeKwh })).catch(
            (error: unknown) => log.warn({ err: error, chargePointId, plug }, 'what a charger said could not be kept'),
          );
        },
        now,
        log: log.child({ chargePoint: chargePointId, plug, ...(vehicleId !== null && { vehicleId }) }),
      },
      kept,
    );
  }

  async #listen({ vehicleId }: ChargerPlug, bridge: ChargerBridge): Promise<void> {
    if (vehicleId === null) return;
    const { mqtt } = this.#ports;
    const wanted = new Map([
      [topics.setpoints(vehicleId), (payload: string) => bridge.receiveSetpoints(payload)],
      [topics.shed(vehicleId), (payload: string) => bridge.receiveShed(payload)],
      [topics.computeMeter(vehicleId), (payload: string) => bridge.receiveCompute(payload)],
    ]);
    // Before they are asked for: retained messages come at once.
    for (const [topic, receive] of wanted) this.#byTopic.set(topic, receive);
    // Without a connection this fails, and the client makes it up at the next one.
    await mqtt.subscribeAsync([...wanted.keys()], { qos: 1 }).catch(() => undefined);
  }
}

/** What a charger is let in with; what it said since is no part of it. */
function enrolmentOf(plugs: readonly ChargerPlug[]): string {
  return JSON.stringify(
    plugs.map(({ plug, feederId, vehicleId, phases, maxAmps, metersCompute, idTokens }) => [
      plug,
      feederId,
      vehicleId,
      phases,
      maxAmps,
      metersCompute,
      idTokens,
    ]),
  );
}
