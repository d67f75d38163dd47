import { access, readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { codeOf } from '../domain/thrown.ts';
import type { LeaveReason } from '../domain/shards.ts';
import type { PowerGate } from '../car/shard/powerGate.ts';
import type { AgentConfig, NumberSource } from './agentConfig.ts';

const ANSWER_LIMIT_MS = 5_000;
const MAX_ANSWER_CHARS = 100;

export interface SensorOptions extends Pick<AgentConfig, 'temperature' | 'battery' | 'hold'> {
  /** The owner's. */
  readonly computeSocFloorPercent: number;
  /** Told of the battery at each look that could read it. */
  readonly onSocPercent?: (socPercent: number) => void;
}

/**
 * Holds the gate by what the host's sensors say. A source that cannot be read holds it too: an unknown temperature is
 * too hot, an unknown battery is empty, and an unknown wish is "not now".
 */
export class HostSensors {
  readonly #options: SensorOptions;
  readonly #gate: PowerGate;
  readonly #log: Logger;
  readonly #unreadable = new Set<LeaveReason>();

  constructor(options: SensorOptions, gate: PowerGate, log: Logger) {
    this.#options = options;
    this.#gate = gate;
    this.#log = log;
  }

  /** Looks at all of them once. */
  async look(): Promise<void> {
    const { temperature, battery, hold, computeSocFloorPercent, onSocPercent } = this.#options;
    await Promise.all([
      temperature &&
        this.#settle('too_hot', async () => {
          const value = await readNumber(temperature.from);
          const celsius = temperature.unit === 'millicelsius' ? value / 1_000 : value;
          // Two limits, so that a computer at its limit does not flap.
          const isHeld = this.#gate.reasons.includes('too_hot');
          return isHeld ? celsius >= temperature.startBelowCelsius : celsius > temperature.stopAboveCelsius;
        }),
      battery &&
        this.#settle('soc_below_floor', async () => {
          const socPercent = await readNumber(battery.from);
          onSocPercent?.(socPercent);
          return socPercent < computeSocFloorPercent;
        }),
      hold && this.#settle('owner_opted_out', () => isOn(hold)),
    ]);
  }

  async #settle(reason: LeaveReason, holds: () => Promise<boolean>): Promise<void> {
    try {
      const isHeld = await holds();
      this.#unreadable.delete(reason);
      if (isHeld) this.#gate.close(reason);
      else this.#gate.clear(reason);
    } catch (error) {
      if (!this.#unreadable.has(reason))
        this.#log.warn({ err: error, reason }, 'a sensor cannot be read: it holds the car');
      this.#unreadable.add(reason);
      this.#gate.close(reason);
    }
  }
}

async function isOn(source: NumberSource): Promise<boolean> {
  if ('http' in source) return (await readNumber(source)) !== 0;
  try {
    await access(source.file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function readNumber(source: NumberSource): Promise<number> {
  const text = 'file' in source ? await readFile(source.file, 'utf8') : await answerOf(source.http);
  const value = Number(text.trim());
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new Error(`${JSON.stringify(source)} gives ${JSON.stringify(text.slice(0, MAX_ANSWER_CHARS))}, no number`);
  }
  return value;
}

async function answerOf(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS), redirect: 'error' });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}
