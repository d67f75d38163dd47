import { MINUTE_MS } from '../../domain/durations.ts';
import { Refusal } from './refusal.ts';

export interface CarLimits {
  /** Calls of all kinds; a car may use a minute's at once. */
  readonly callsPerMinute: number;
  /** A Worker holds one; a second one is open for a moment while the first ends. */
  readonly openPolls: number;
  /** Tasks handed out and neither answered nor timed out. */
  readonly heldTasks: number;
}

export const CAR_LIMITS = { callsPerMinute: 600, openPolls: 2, heldTasks: 4 } as const satisfies CarLimits;

export interface HeldTask {
  /** Real time after which the server gives the task up unless it hears of it. */
  readonly timeoutMs: number;
  readonly workflowId: string;
}

interface CarUse {
  callsLeft: number;
  atRealMs: number;
  openPolls: number;
  /** By task token: when the server gives the task up unless it hears of it. */
  readonly held: Map<string, HeldTask & { untilRealMs: number }>;
}

/** Keeps each car to its rates, so that one that runs wild takes neither the server's time nor others' shards. */
export class CarUses {
  readonly #limits: CarLimits;
  readonly #now: () => number;
  readonly #uses = new Map<string, CarUse>();

  constructor(limits: CarLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** @throws Refusal `rate` */
  call(vehicleId: string): void {
    const { callsPerMinute } = this.#limits;
    const use = this.#useOf(vehicleId);
    const nowRealMs = this.#now();
    const filled = use.callsLeft + ((nowRealMs - use.atRealMs) / MINUTE_MS) * callsPerMinute;
    use.callsLeft = Math.min(callsPerMinute, filled);
    use.atRealMs = nowRealMs;
    if (use.callsLeft < 1) throw new Refusal('rate', `More than ${callsPerMinute} calls a minute.`);
    use.callsLeft -= 1;
  }

  /** @returns how to end the poll @throws Refusal `rate`, `hoard` */
  openPoll(vehicleId: string): () => void {
    const use = this.#useOf(vehicleId);
    const { openPolls, heldTasks } = this.#limits;
    if (use.openPolls >= openPolls) throw new Refusal('rate', `More than ${openPolls} polls at once.`);
    const nowRealMs = this.#now();
    for (const [token, { untilRealMs }] of use.held) if (untilRealMs <= nowRealMs) use.held.delete(token);
    if (use.held.size >= heldTasks) throw new Refusal('hoard', `${use.held.size} tasks that it has not answered.`);
    use.openPolls += 1;
    return () => {
      use.openPolls -= 1;
    };
  }

  taskTaken(vehicleId: string, token: Uint8Array, task: HeldTask): void {
    this.#useOf(vehicleId).held.set(nameOf(token), { ...task, untilRealMs: this.#now() + task.timeoutMs });
  }

  taskAlive(vehicleId: string, token: Uint8Array): void {
    const task = this.#useOf(vehicleId).held.get(nameOf(token));
    if (task) task.untilRealMs = this.#now() + task.timeoutMs;
  }

  /** @returns the task, unless it was handed out by another gateway or has timed out */
  taskAnswered(vehicleId: string, token: Uint8Array): HeldTask | undefined {
    const { held } = this.#useOf(vehicleId);
    const task = held.get(nameOf(token));
    held.delete(nameOf(token));
    return task;
  }

  #useOf(vehicleId: string): CarUse {
    let use = this.#uses.get(vehicleId);
    if (!use) {
      use = { callsLeft: this.#limits.callsPerMinute, atRealMs: this.#now(), openPolls: 0, held: new Map() };
      this.#uses.set(vehicleId, use);
    }
    return use;
  }
}

function nameOf(token: Uint8Array): string {
  return Buffer.from(token).toString('base64');
}
