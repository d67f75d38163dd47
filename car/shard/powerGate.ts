import type { LeaveReason } from '../../domain/shards.ts';

/**
 * Whether the car may compute now. Reasons against it are a set, so that the end of one never hides another; the gate
 * is open while there is none.
 */
export class PowerGate {
  readonly #reasons = new Set<LeaveReason>();
  readonly #listeners = new Set<() => void>();

  /** In the order in which they came up. */
  get reasons(): readonly LeaveReason[] {
    return [...this.#reasons];
  }

  get isOpen(): boolean {
    return this.#reasons.size === 0;
  }

  close(reason: LeaveReason): void {
    if (this.#reasons.has(reason)) return;
    this.#reasons.add(reason);
    this.#notify();
  }

  /** Takes back one reason; the gate opens when it was the last. */
  clear(reason: LeaveReason): void {
    if (this.#reasons.delete(reason)) this.#notify();
  }

  /** Calls the listener at every change, at once and synchronously. Returns how to stop that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
