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
/** Columns that are priced before the best of them is taken. */
const COLUMNS_PRICED = 256;

/**
 * Mixes what the blocks would do so that all jobs are served at least cost (Dantzig and Wolfe 1960): parts of each
 * block's columns sum to 1, shards of each job to its number, what is missing at its penalty. A revised simplex with
 * generalised upper bounds (Dantzig and Van Slyke 1967): each block has a key column, and what else is in the basis is as
 * many columns as there are jobs, counted from their blocks' keys. So a pivot inverts a matrix of jobs² numbers, however
 * many blocks there are. It goes on from its last basis when columns are added.
 */
export class ColumnMaster {
  readonly #blocks: number;
  readonly #jobs: number;
  readonly #jobShards: Float64Array;
  readonly #penalty: Float64Array;
  readonly #columns: BlockColumn[] = [];
  /** The same once more, for the pricing that goes through them again and again. */
  readonly #cost: number[] = [];
  readonly #blockOfColumn: number[] = [];
  readonly #shards: number[] = [];
  #next = 0;
  /** What a surplus of shards costs, by job: more than it could save, but for the box around the best prices. */
  readonly #surplus: Float64Array;
  readonly #missing: Float64Array;
  /** Columns by number: one for each block. */
  readonly #key: Int32Array;
  /** The rest of the basis; a job's missing shards are -1 - job, a surplus is -1 - jobs - job. */
  readonly #extra: Int32Array;
  readonly #value: Float64Array;
  readonly #inverse: Float64Array;
  readonly #keyShards: Float64Array;
  /** What the mix says that a shard costs, by job. */
  readonly jobPrice: Float64Array;

  /** @param first one column for each block, in their order, that together serve no job with more than its shards */
  constructor(first: readonly BlockColumn[], jobShards: Float64Array, penaltyEurPerShard: Float64Array) {
    this.#blocks = first.length;
    this.#jobs = jobShards.length;
    this.#jobShards = jobShards;
    this.#penalty = penaltyEurPerShard;
    this.#missing = Float64Array.from(penaltyEurPerShard);
    this.#surplus = new Float64Array(jobShards.length).fill(Infinity);
    for (const column of first) this.add(column);
    this.#key = Int32Array.from(first.keys());
    this.#extra = Int32Array.from(jobShards, (_, job) => -1 - job);
    this.#value = new Float64Array(this.#jobs);
    this.#inverse = new Float64Array(this.#jobs * this.#jobs);
    this.#keyShards = new Float64Array(this.#jobs);
    for (const { shards } of first) for (let j = 0; j < this.#jobs; j++) this.#keyShards[j]! += shards[j]!;
    this.jobPrice = new Float64Array(this.#jobs);
    this.#readBasis();
  }

  add(column: BlockColumn): void {
    this.#columns.push(column);
    this.#cost.push(column.costEur);
    this.#blockOfColumn.push(column.block);
    this.#shards.push(...column.shards);
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
    return this.#extra.some((column, row) => {
      if (column >= 0 || this.#value[row]! <= 1e-9) return false;
      const job = (-1 - column) % this.#jobs;
      return column < -this.#jobs || this.#missing[job]! < this.#penalty[job]!;
    });
  }

  /** Solves over all columns so far; gives the cost of the mix. */
  solve(): number {
    const direction = new Float64Array(this.#jobs);
    for (let pivots = 0; pivots < MAX_PIVOTS; pivots++) {
      const entering = this.#entering();
      if (entering === undefined || !this.#exchange(entering, direction)) break;
      this.#readBasis();
    }
    let costEur = 0;
    for (const [column, part] of this.#basis()) costEur += this.#costOf(column) * part;
    return costEur;
  }

  /** Parts of the columns, by number in the order in which they came; a block's sum to 1. */
  parts(): Map<number, number> {
    const parts = new Map<number, number>();
    const sums = new Float64Array(this.#blocks);
    for (const [column, part] of this.#basis()) {
      if (column < 0 || part <= 0) continue;
      parts.set(column, part);
      sums[this.#columns[column]!.block]! += part;
    }
    for (const [column, part] of parts) parts.set(column, part / sums[this.#columns[column]!.block]!);
    return parts;
  }

  /** Columns of the basis and how much of each, nothing below 0. */
  #basis(): [column: number, part: number][] {
    const left = new Float64Array(this.#blocks).fill(1);
    const basis: [number, number][] = [];
    for (const [row, column] of this.#extra.entries()) {
      if (column >= 0) left[this.#columns[column]!.block]! -= this.#value[row]!;
      basis.push([column, Math.max(0, this.#value[row]!)]);
    }
    for (const [block, column] of this.#key.entries()) basis.push([column, Math.max(0, left[block]!)]);
    return basis;
  }

  #blockOf(column: number): number {
    return column < 0 ? -1 : this.#columns[column]!.block;
  }

  #costOf(column: number): number {
    if (column >= 0) return this.#columns[column]!.costEur;
    return column < -this.#jobs ? this.#surplus[-1 - column - this.#jobs]! : this.#missing[-1 - column]!;
  }

  /** Shards of a job that a column has more than its block's key. */
  #beyondKey(column: number, job: number): number {
    if (column >= 0) {
      const { block, shards } = this.#columns[column]!;
      return shards[job]! - this.#columns[this.#key[block]!]!.shards[job]!;
    }
    if ((-1 - column) % this.#jobs !== job) return 0;
    return column < -this.#jobs ? -1 : 1;
  }

  #entering(): number | undefined {
    let best = -TOLERANCE;
    let entering: number | undefined;
    const jobs = this.#jobs;
    const price = this.jobPrice;
    const shards = this.#shards;
    // In turn, so many at a time: all would be priced thousands of times.
    const count = this.#columns.length;
    for (let priced = 0; priced < count && entering === undefined;) {
      const end = Math.min(count, this.#next + COLUMNS_PRICED);
      priced += end - this.#next;
      for (let index = this.#next; index < end; index++) {
        const costEur = this.#cost[index]!;
        const key = this.#key[this.#blockOfColumn[index]!]!;
        let reduced = costEur - this.#cost[key]!;
        for (let j = 0; j < jobs; j++) reduced -= price[j]! * (shards[index * jobs + j]! - shards[key * jobs + j]!);
        // Relative to what it is a difference of: idle columns cost as much as the block's charging.
        reduced /= 1 + Math.abs(costEur);
        if (reduced < best) {
          best = reduced;
          entering = index;
        }
      }
      this.#next = end < count ? end : 0;
    }
    for (let j = 0; j < this.#jobs; j++) {
      const missing = (this.#missing[j]! - price[j]!) / (1 + Math.abs(this.#missing[j]!));
      if (missing < best) {
        best = missing;
        entering = -1 - j;
      }
      const surplus = (this.#surplus[j]! + price[j]!) / (1 + Math.abs(price[j]!));
      if (surplus < best) {
        best = surplus;
        entering = -1 - this.#jobs - j;
      }
    }
    return entering;
  }

  /** Takes a column into the basis for the one that it brings to 0 first; false when nothing bounds it. */
  #exchange(entering: number, direction: Float64Array): boolean {
    const jobs = this.#jobs;
    const blockOfEntering = this.#blockOf(entering);
    const keyLess = new Map<number, number>();
    const keyValue = new Map<number, number>();
    if (blockOfEntering >= 0) {
      keyLess.set(blockOfEntering, 1);
      keyValue.set(blockOfEntering, 1);
    }
    for (let row = 0; row < jobs; row++) {
      let sum = 0;
      for (let j = 0; j < jobs; j++) sum += this.#inverse[row * jobs + j]! * this.#beyondKey(entering, j);
      direction[row] = sum;
      const block = this.#blockOf(this.#extra[row]!);
      if (block < 0) continue;
      keyLess.set(block, (keyLess.get(block) ?? 0) - sum);
      keyValue.set(block, (keyValue.get(block) ?? 1) - this.#value[row]!);
    }
    let least = Infinity;
    let most = 0;
    let leavingRow = -1;
    let leavingKey = -1;
    const offer = (value: number, less: number, row: number, block: number): void => {
      if (less <= 1e-10) return;
      const ratio = Math.max(0, value) / less;
      if (ratio > least + 1e-15 || (ratio >= least - 1e-15 && less <= most)) return;
      [least, most, leavingRow, leavingKey] = [ratio, less, row, block];
    };
    for (let row = 0; row < jobs; row++) offer(this.#value[row]!, direction[row]!, row, -1);
    for (const [block, less] of keyLess) offer(keyValue.get(block) ?? 1, less, -1, block);
    if (leavingRow >= 0) this.#extra[leavingRow] = entering;
    else if (leavingKey >= 0 && leavingKey === blockOfEntering) this.#setKey(leavingKey, entering);
    else if (leavingKey >= 0) {
      // Only other columns of the block can have brought its key to 0: one of them becomes the key.
      const row = this.#extra.findIndex((column) => this.#blockOf(column) === leavingKey);
      this.#setKey(leavingKey, this.#extra[row]!);
      this.#extra[row] = entering;
    } else return false;
    return true;
  }

  #setKey(block: number, column: number): void {
    const before = this.#columns[this.#key[block]!]!.shards;
    const now = this.#columns[column]!.shards;
    for (let j = 0; j < this.#jobs; j++) this.#keyShards[j]! += now[j]! - before[j]!;
    this.#key[block] = column;
  }

  /** Inverts what the extra columns have beyond their keys, and reads values and prices off it. */
  #readBasis(): void {
    const jobs = this.#jobs;
    const width = 2 * jobs;
    const work = new Float64Array(jobs * width);
    for (let j = 0; j < jobs; j++) {
      for (let row = 0; row < jobs; row++) work[j * width + row] = this.#beyondKey(this.#extra[row]!, j);
      work[j * width + jobs + j] = 1;
    }
    invert(work, jobs);
    for (let row = 0; row < jobs; row++) {
      let value = 0;
      for (let j = 0; j < jobs; j++) {
        const entry = work[row * width + jobs + j]!;
        this.#inverse[row * jobs + j] = entry;
        value += entry * (this.#jobShards[j]! - this.#keyShards[j]!);
      }
      this.#value[row] = value;
    }
    this.#price();
  }

  #price(): void {
    const jobs = this.#jobs;
    const jobPrice = this.jobPrice.fill(0);
    for (let row = 0; row < jobs; row++) {
      const column = this.#extra[row]!;
      const key = column < 0 ? 0 : this.#columns[this.#key[this.#blockOf(column)]!]!.costEur;
      const cost = this.#costOf(column) - key;
      for (let j = 0; j < jobs; j++) jobPrice[j]! += cost * this.#inverse[row * jobs + j]!;
    }
  }
}

/** Gauss-Jordan on a matrix with the unit matrix beside it: the inverse takes the latter's place. */
function invert(work: Float64Array, size: number): void {
  const width = 2 * size;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(work[row * width + column]!) > Math.abs(work[pivot * width + column]!)) pivot = row;
    }
    const value = work[pivot * width + column]!;
    for (let c = 0; c < width; c++) {
      const held = work[pivot * width + c]!;
      work[pivot * width + c] = work[column * width + c]!;
      work[column * width + c] = held / value;
    }
    for (let row = 0; row < size; row++) {
      const factor = work[row * width + column]!;
      if (row === column || factor === 0) continue;
      for (let c = 0; c < width; c++) work[row * width + c]! -= factor * work[column * width + c]!;
    }
  }
}
