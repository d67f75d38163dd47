import type { MqttClient } from 'mqtt';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { ChargerBridge, newPlug, type KeptPlug } from '../../charging/chargerBridge.ts';
import type { AdmittedChargePoint } from '../../charging/ocpp/centralSystem.ts';
import { NEW_PLUG_METER } from '../../charging/plugMeter.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { topics } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import { admitChargePoint, saveChargePoint, type ChargePoint } from '../../store/chargePoints.ts';
import type { Database } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';

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

/** Every charger of the cell that is or was connected, each with its bridge to its car's topics. */
export class ChargerFleet {
  readonly #ports: ChargerFleetPorts;
  readonly #bridges = new Map<string, ChargerBridge>();
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
    const point = await admitChargePoint<KeptPlug>(database, id, passwordSha256);
    if (point?.cellId !== cell.id) return undefined;
    const known = this.#bridges.get(id);
    const bridge = this.#bridgeOf(point, known ? known.kept : (point.state ?? newPlug(NEW_PLUG_METER)));
    this.#bridges.set(id, bridge);
    await this.#listen(point, bridge);
    const { phases, maxAmps, metersCompute } = point;
    return {
      state: bridge.kept.connector,
      ports: {
        supply: { phases, maxAmps, metersCompute },
        clock: cell.clock,
        onState: (state, events) => bridge.take(state, events),
        now,
      },
      onSession: (session) => bridge.attach(session),
    };
  }

  /** Whoever owns the charger should learn that it knocks in vain. */
  tellRefused(id: string, why: string): void {
    const { database, cell, now, log } = this.#ports;
    const lastRealMs = this.#refusedRealMs.get(id) ?? -Infinity;
    if (now() - lastRealMs < REFUSAL_AGAIN_REAL_MS) return;
    // Names are a stranger's: they must not fill the memory.
    if (this.#refusedRealMs.size > 1_000) this.#refusedRealMs.clear();
    this.#refusedRealMs.set(id, now());
    log.warn({ chargePoint: id, why }, 'a charger was refused');
    appendJournal(database, cell.id, [
      {
        atMs: Math.round(gridTimeMs(cell.clock, now())),
        kind: 'fallback',
        subject: id.slice(0, 100).replaceAll('\0', ''),
        message: `A charger was refused: ${why}`,
      },
    ]).catch((error: unknown) => log.warn({ err: error }, 'a refusal could not be journalled'));
  }

  async close(): Promise<void> {
    await this.#saving(async () => {});
  }

  #bridgeOf({ id, vehicleId, idTokens, metersCompute }: ChargePoint, kept: KeptPlug): ChargerBridge {
    const { database, mqtt, cell, telemetryBase, now, log } = this.#ports;
    return new ChargerBridge(
      { carId: vehicleId, idTokens, metersCompute, telemetryBase, clock: cell.clock },
      {
        publish: ({ topic, payload }) => {
          mqtt.publish(topic, payload, { qos: 1, retain: true }, (error) => {
            if (error) log.warn({ err: error, topic }, 'publishing failed');
          });
        },
        save: (plug) => {
          const { chargingKwh, computeKwh } = plug.meter;
          this.#saving(() => saveChargePoint(database, id, { state: plug, chargingKwh, computeKwh })).catch(
            (error: unknown) => log.warn({ err: error, chargePoint: id }, 'what a charger said could not be kept'),
          );
        },
        now,
        log: log.child({ chargePoint: id }),
      },
      kept,
    );
  }

  async #listen({ vehicleId }: ChargePoint, bridge: ChargerBridge): Promise<void> {
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
