// Indices come from loops over the master's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */

/** What a block would do at some prices of the jobs. */
export interface BlockColumn {
  readonly block: number;
  readonly costEur: number;
  /** Shards by job. */
  readonly shards: Float64Array;
}

const TOLERANCE = 1e-11;
const MAX_PIVOTS = 100_000;

/**
 * Mixes what the blocks would do so that all jobs are served at least cost (Dantzig and Wolfe 1960): parts of each
 * block's columns sum to 1, shards of each job to its number, what is missing at its penalty. A revised simplex with a
 * dense inverse of (blocks + jobs)² numbers, that goes on from its last basis when columns are added.
 */
export class ColumnMaster {
  readonly #blocks: number;
  readonly #jobs: number;
  readonly #penalty: Float64Array;
  readonly #columns: BlockColumn[] = [];
  /** What a surplus of shards costs, by job: more than it could save, but for the box around the best prices. */
  readonly #surplus: Float64Array;
  readonly #missing: Float64Array;
  /** Columns by number; a job's missing shards are -1 - job, a surplus is -1 - jobs - job. */
  readonly #basis: Int32Array;
  readonly #inverse: Float64Array;
  readonly #value: Float64Array;
  /** Price of each block's part, then of each job's shard. */
  readonly dual: Float64Array;

  /** @param idle one column for each block, in their order, in which it serves no job */
  constructor(idle: readonly BlockColumn[], jobShards: Float64Array, penaltyEurPerShard: Float64Array) {
    this.#blocks = idle.length;
    this.#jobs = jobShards.length;
    this.#penalty = penaltyEurPerShard;
    this.#missing = Float64Array.from(penaltyEurPerShard);
    this.#surplus = new Float64Array(jobShards.length).fill(Infinity);
    const rows = this.#blocks + this.#jobs;
    this.#columns.push(...idle);
    this.#basis = Int32Array.from({ length: rows }, (_, row) => (row < this.#blocks ? row : this.#blocks - 1 - row));
    this.#inverse = new Float64Array(rows * rows);
    for (let row = 0; row < rows; row++) this.#inverse[row * rows + row] = 1;
    this.#value = Float64Array.from({ length: rows }, (_, row) =>
      row < this.#blocks ? 1 : jobShards[row - this.#blocks]!,
    );
    this.dual = new Float64Array(rows);
    this.#price();
  }

  add(column: BlockColumn): void {
    this.#columns.push(column);
  }

  /**
   * Keeps the jobs' prices within a box: what is missing and what is too much may be traded at its edges. Without a box
   * prices jump to penalties as long as there are few columns.
   */
  boxPrices(low: Float64Array, high: Float64Array): void {
    for (let j = 0; j < this.#jobs; j++) {
      this.#missing[j] = Math.min(this.#penalty[j]!, high[j]!);
      this.#surplus[j] = -low[j]!;
    }
    this.#price();
  }

  /** Whether the mix trades at an edge of the box, and so is none yet. */
  get trades(): boolean {
    return this.#basis.some((column, row) => {
      if (column >= 0 || this.#value[row]! <= 1e-9) return false;
      const job = (-1 - column) % this.#jobs;
      return column < -this.#jobs || this.#missing[job]! < this.#penalty[job]!;
    });
  }

  /** Solves over all columns so far; gives the cost of the mix. */
  solve(): number {
    const rows = this.#blocks + this.#jobs;
    const direction = new Float64Array(rows);
    for (let pivots = 0; pivots < MAX_PIVOTS; pivots++) {
      const entering = this.#entering();
      if (entering === undefined) break;
      this.#ray(entering, direction);
      let row = -1;
      let least = Infinity;
      for (let r = 0; r < rows; r++) {
        if (direction[r]! <= 1e-10) continue;
        const ratio = Math.max(0, this.#value[r]!) / direction[r]!;
        if (ratio < least - 1e-15 || (ratio <= least + 1e-15 && row >= 0 && direction[r]! > direction[row]!)) {
          least = ratio;
          row = r;
        }
      }
      if (row < 0) break;
      this.#replace(row, entering, direction, least);
    }
    let costEur = 0;
    for (let r = 0; r < rows; r++) costEur += this.#costOf(this.#basis[r]!) * Math.max(0, this.#value[r]!);
    return costEur;
  }

  /** Parts of the columns, by number in the order in which they came; a block's sum to 1. */
  parts(): Map<number, number> {
    const parts = new Map<number, number>();
    const sums = new Float64Array(this.#blocks);
    for (const [row, column] of this.#basis.entries()) {
      if (column < 0 || this.#value[row]! <= 0) continue;
      parts.set(column, this.#value[row]!);
      sums[this.#columns[column]!.block]! += this.#value[row]!;
    }
    for (const [column, part] of parts) parts.set(column, part / sums[this.#columns[column]!.block]!);
    return parts;
  }

  #costOf(column: number): number {
    if (column >= 0) return this.#columns[column]!.costEur;
    return column < -this.#jobs ? this.#surplus[-1 - column - this.#jobs]! : this.#missing[-1 - column]!;
  }

  #entering(): number | undefined {
    let best = -TOLERANCE;
    let entering: number | undefined;
    for (const [index, column] of this.#columns.entries()) {
      let reduced = column.costEur - this.dual[column.block]!;
      for (let j = 0; j < this.#jobs; j++) reduced -= this.dual[this.#blocks + j]! * column.shards[j]!;
      // Relative to what it is a difference of: idle columns cost as much as the block's charging.
      reduced /= 1 + Math.abs(column.costEur);
      if (reduced < best) {
        best = reduced;
        entering = index;
      }
    }
    for (let j = 0; j < this.#jobs; j++) {
      const price = this.dual[this.#blocks + j]!;
      const missing = (this.#missing[j]! - price) / (1 + Math.abs(this.#missing[j]!));
      if (missing < best) {
        best = missing;
        entering = -1 - j;
      }
      const surplus = (this.#surplus[j]! + price) / (1 + Math.abs(price));
      if (surplus < best) {
        best = surplus;
        entering = -1 - this.#jobs - j;
      }
    }
    return entering;
  }

  #ray(entering: number, direction: Float64Array): void {
    const rows = this.#blocks + this.#jobs;
    const column = entering < 0 ? undefined : this.#columns[entering]!;
    for (let r = 0; r < rows; r++) {
      const at = r * rows;
      if (column === undefined) {
        const job = (-1 - entering) % this.#jobs;
        direction[r] = (entering < -this.#jobs ? -1 : 1) * this.#inverse[at + this.#blocks + job]!;
        continue;
      }
      let sum = this.#inverse[at + column.block]!;
      for (let j = 0; j < this.#jobs; j++) sum += this.#inverse[at + this.#blocks + j]! * column.shards[j]!;
      direction[r] = sum;
    }
  }

  #replace(row: number, entering: number, direction: Float64Array, amount: number): void {
    const rows = this.#blocks + this.#jobs;
    const inverse = this.#inverse;
    for (let r = 0; r < rows; r++) this.#value[r]! -= amount * direction[r]!;
    this.#value[row] = amount;
    const pivot = direction[row]!;
    for (let c = 0; c < rows; c++) inverse[row * rows + c]! /= pivot;
    for (let r = 0; r < rows; r++) {
      const factor = direction[r]!;
      if (r === row || factor === 0) continue;
      for (let c = 0; c < rows; c++) inverse[r * rows + c]! -= factor * inverse[row * rows + c]!;
    }
    this.#basis[row] = entering;
    this.#price();
  }

  #price(): void {
    const rows = this.#blocks + this.#jobs;
    this.dual.fill(0);
    for (let r = 0; r < rows; r++) {
      const cost = this.#costOf(this.#basis[r]!);
      if (cost === 0) continue;
      for (let c = 0; c < rows; c++) this.dual[c]! += cost * this.#inverse[r * rows + c]!;
    }
  }
}
