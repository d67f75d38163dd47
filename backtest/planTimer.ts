/** How many plans were made and how long they took. */
export class PlanTimer {
  plans = 0;
  slowestMs = 0;
  #totalMs = 0;

  async time<Result>(plan: () => Result | Promise<Result>): Promise<Result> {
    const startedMs = performance.now();
    const result = await plan();
    const tookMs = performance.now() - startedMs;
    this.plans++;
    this.#totalMs += tookMs;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    return result;
  }

  get meanMs(): number {
    return this.plans === 0 ? 0 : this.#totalMs / this.plans;
  }
}
