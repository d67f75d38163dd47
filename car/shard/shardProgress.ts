import type { ShardHeartbeat } from '../../domain/shards.ts';
import type { EnergyMeter, EnergyRegister } from './energyMeter.ts';

interface ShardProgressPorts {
  readonly vehicleId: string;
  readonly meter: Pick<EnergyMeter, 'read'>;
  tell(progress: ShardHeartbeat): void;
}

/** What is done of a shard, in all attempts: what heartbeats carry from one car to the next. */
export class ShardProgress {
  readonly #ports: ShardProgressPorts;
  readonly #previous: ShardHeartbeat | undefined;
  readonly #meterAtStart: EnergyRegister;
  #now: ShardHeartbeat;

  /** @param previous the last heartbeat of the attempt before; it stands until `takeOver` */
  constructor(ports: ShardProgressPorts, previous: ShardHeartbeat | undefined) {
    this.#ports = ports;
    this.#previous = previous;
    this.#meterAtStart = ports.meter.read();
    this.#now = previous ?? nothingDone(ports.vehicleId);
  }

  get now(): ShardHeartbeat {
    return this.#now;
  }

  get unstoredTokens(): number {
    return this.#now.unstoredTokens ?? 0;
  }

  /** Goes on counting where the last attempt stopped. */
  takeOver(storedLines: number): void {
    const previous = this.#previous;
    const { vehicleId } = this.#ports;
    this.#now = { ...nothingDone(vehicleId), storedLines };
    if (previous !== undefined) {
      const lostLines = Math.max(0, previous.storedLines + previous.unstoredLines - storedLines);
      this.count({
        handovers: previous.handovers + (previous.vehicleId === vehicleId ? 0 : 1),
        redoneLines: previous.redoneLines + lostLines,
        ...tokensRedone((previous.redoneTokens ?? 0) + (previous.unstoredTokens ?? 0)),
      });
    }
    this.tell();
  }

  computed(lines: number): void {
    this.count({
      computedLines: this.#now.computedLines + lines,
      unstoredLines: this.#now.unstoredLines + lines,
    });
  }

  stored(lines: number): void {
    this.count({ storedLines: this.#now.storedLines + lines, unstoredLines: this.#now.unstoredLines - lines });
    this.tell();
  }

  count(changes: Partial<ShardHeartbeat>): void {
    const meter = this.#ports.meter.read();
    this.#now = {
      ...this.#now,
      energyWh: meter.energyWh - this.#meterAtStart.energyWh,
      deviceMs: meter.deviceMs - this.#meterAtStart.deviceMs,
      ...changes,
    };
  }

  tell(): void {
    this.#ports.tell(this.#now);
  }
}

function tokensRedone(tokens: number): { redoneTokens?: number } {
  return tokens > 0 ? { redoneTokens: tokens } : {};
}

function nothingDone(vehicleId: string): ShardHeartbeat {
  return {
    vehicleId,
    storedLines: 0,
    computedLines: 0,
    unstoredLines: 0,
    energyWh: 0,
    deviceMs: 0,
    handovers: 0,
    redoneLines: 0,
  };
}
