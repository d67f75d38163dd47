import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit, SlotReserveContext } from '@temporalio/worker';
import type { PowerGate } from '../shard/powerGate.ts';

interface Bid {
  readonly grant: (permit: SlotPermit) => void;
}

/**
 * Lets the Worker poll only while the car may compute: a poll is a bid for a shard. There is one permit, since a
 * second would be reserved ahead and open one more poll after the gate has closed.
 */
export class PowerSlotSupplier implements CustomSlotSupplier<ActivitySlotInfo> {
  readonly type = 'custom';
  readonly #gate: PowerGate;
  readonly #onIdle: () => void;
  readonly #waiting = new Set<Bid>();
  readonly #unsubscribe: () => void;
  #permitOut = false;
  #computing = false;

  /** `onIdle` is called when a shard has ended, on whatever way. */
  constructor(gate: PowerGate, onIdle: () => void) {
    this.#gate = gate;
    this.#onIdle = onIdle;
    this.#unsubscribe = gate.subscribe(() => this.#grant());
  }

  /** Whether a shard holds the permit; else an open poll may. */
  get computing(): boolean {
    return this.#computing;
  }

  async reserveSlot(_: SlotReserveContext, abort: AbortSignal): Promise<SlotPermit> {
    return await new Promise<SlotPermit>((resolve, reject) => {
      if (abort.aborted) return reject(abort.reason);
      const bid = { grant: resolve };
      this.#waiting.add(bid);
      abort.addEventListener(
        'abort',
        () => {
          this.#waiting.delete(bid);
          reject(abort.reason);
        },
        { once: true },
      );
      this.#grant();
    });
  }

  tryReserveSlot(): null {
    return null;
  }

  markSlotUsed(): void {
    this.#computing = true;
  }

  releaseSlot(): void {
    this.#permitOut = false;
    const hasComputed = this.#computing;
    this.#computing = false;
    this.#grant();
    if (hasComputed) this.#onIdle();
  }

  close(): void {
    this.#unsubscribe();
  }

  #grant(): void {
    if (this.#permitOut || !this.#gate.isOpen) return;
    const [bid] = this.#waiting;
    if (bid === undefined) return;
    this.#waiting.delete(bid);
    this.#permitOut = true;
    bid.grant({});
  }
}
