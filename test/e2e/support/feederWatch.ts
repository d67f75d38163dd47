import { connectAsync, type MqttClient } from 'mqtt';
import { gridTimeMs, type Clock } from '../../../domain/clock.ts';
import { topics } from '../../../domain/names.ts';
import {
  meterReadingSchema,
  setpointAt,
  setpointProfileSchema,
  type MeterReading,
  type SetpointProfile,
} from '../../../domain/setpoints.ts';

interface Received {
  readonly vehicleId: string;
  /** Grid time. */
  readonly atMs: number;
  readonly profile: SetpointProfile;
}

/** Listens to what cars are told and what their meters say, as they do. */
export class FeederWatch {
  readonly #client: MqttClient;
  readonly #received: Received[] = [];
  readonly #readings = new Map<string, MeterReading[]>();

  private constructor(client: MqttClient, clock: Clock) {
    this.#client = client;
    client.on('message', (topic, payload) => {
      const vehicleId = topic.split('/')[1] ?? '';
      const message: unknown = JSON.parse(payload.toString('utf8'));
      if (topic === topics.meter(vehicleId)) {
        const readings = this.#readings.get(vehicleId) ?? [];
        this.#readings.set(vehicleId, [...readings, meterReadingSchema.parse(message)]);
      } else {
        const atMs = gridTimeMs(clock, Date.now());
        this.#received.push({ vehicleId, atMs, profile: setpointProfileSchema.parse(message) });
      }
    });
  }

  static async start(url: string, clock: Clock): Promise<FeederWatch> {
    const client = await connectAsync(url, { protocolVersion: 4 });
    const watch = new FeederWatch(client, clock);
    await client.subscribeAsync([topics.setpoints('+'), topics.meter('+')], { qos: 1 });
    return watch;
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }

  /**
   * The sum of what the cars are told to draw, kW, at every instant of the window at which it may change: when a car
   * hears of a profile, and when an interval of one begins.
   */
  setpointsKw(vehicleIds: readonly string[], startMs: number, endMs: number): { atMs: number; kw: number }[] {
    const ours = this.#received.filter(({ vehicleId }) => vehicleIds.includes(vehicleId));
    const instants = ours.flatMap(({ atMs, profile }) => [atMs, ...profile.intervals.map((each) => each.startMs)]);
    return [startMs, ...instants]
      .filter((atMs) => startMs <= atMs && atMs < endMs)
      .sort((a, b) => a - b)
      .map((atMs) => {
        const powers = vehicleIds.map((vehicleId) => {
          const told = ours.findLast((received) => received.vehicleId === vehicleId && received.atMs <= atMs);
          const inForce = told && setpointAt(told.profile, atMs);
          return inForce ? inForce.chargeKw + inForce.computeKw : 0;
        });
        return { atMs, kw: powers.reduce((sum, kw) => sum + kw, 0) };
      });
  }

  /** Mean metered power of the cars between their first and last reading in the window, kW. */
  meteredKw(vehicleIds: readonly string[], startMs: number, endMs: number): number {
    return vehicleIds.reduce((sum, vehicleId) => {
      const within = (this.#readings.get(vehicleId) ?? []).filter(({ atMs }) => startMs <= atMs && atMs <= endMs);
      const [first, last] = [within[0], within.at(-1)];
      if (!first || !last || last.atMs === first.atMs) return sum;
      const kwh = last.chargingKwh + last.computeKwh - first.chargingKwh - first.computeKwh;
      return sum + kwh / ((last.atMs - first.atMs) / 3_600_000);
    }, 0);
  }

  readings(vehicleId: string): readonly MeterReading[] {
    return this.#readings.get(vehicleId) ?? [];
  }
}
