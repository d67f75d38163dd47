// Indices come from loops over the system's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */

/**
 * A linear program whose rows fall into three kinds, so that its normal equations are cheap to solve: eliminated rows
 * (one car, one gate), of which each column touches at most one, with coefficient 1; core rows in blocks (the slots of
 * one feeder); border rows (jobs, substations). Each column touches at most two core or border rows.
 */
export interface BlockProgram {
  readonly cost: Float64Array;
  /** Infinity where there is none; lower bounds are 0. */
  readonly upper: Float64Array;
  /** Columns of eliminated row e are [columnStart[e], columnStart[e + 1]); the rest have no eliminated row. */
  readonly columnStart: Int32Array;
  /** First core row that a column touches, -1 for none, and its coefficient. */
  readonly firstRow: Int32Array;
  readonly firstCoefficient: Float64Array;
  readonly secondRow: Int32Array;
  readonly secondCoefficient: Float64Array;
  readonly eliminatedRhs: Float64Array;
  readonly coreRhs: Float64Array;
  readonly blocks: number;
  readonly blockSize: number;
}

/** The normal equations A·D·Aᵀ of a block program, factored for one diagonal D. */
export interface BlockSystem {
  readonly factor: (diagonal: Float64Array) => void;
  /** Solves in place: right-hand sides become the solution. */
  readonly solve: (eliminated: Float64Array, core: Float64Array) => void;
}

/** Keeps pivots of rows that have lost all freedom away from 0; refinement of the outer iteration absorbs it. */
const PIVOT_FLOOR = 1e-14;

/**
 * The system of a program, to be factored anew for every diagonal. Car rows are eliminated one by one, then feeders block
 * by block (Cholesky), then the border: block-angular elimination, as in Gondzio and Sarkissian 2003.
 * @param program columns stay the caller's and are read at every call
 */
export function createBlockSystem(program: BlockProgram): BlockSystem {
  const { columnStart, firstRow, firstCoefficient, secondRow, secondCoefficient, blocks, blockSize } = program;
  const columns = program.cost.length;
  const eliminated = program.eliminatedRhs.length;
  const blockRows = blocks * blockSize;
  const border = program.coreRhs.length - blockRows;
  const block = new Float64Array(blocks * blockSize * blockSize);
  const side = new Float64Array(border * blockRows);
  const corner = new Float64Array(border * border);
  const pivot = new Float64Array(eliminated);
  const oneBlock = Uint8Array.from({ length: eliminated }, (_, row) =>
    secondRow.subarray(columnStart[row], columnStart[row + 1]).every((second) => second < 0) ? 1 : 0,
  );
  /** Rows whose columns stand on neighbouring core rows, as the slots of a car do. */
  const oneRun = oneBlock.map((isOne, row) => {
    const from = columnStart[row]!;
    const rows = firstRow.subarray(from, columnStart[row + 1]);
    return isOne === 1 && rows.every((first, k) => first >= 0 && first === rows[0]! + k) ? 1 : 0;
  });
  let diagonal = new Float64Array(columns);

  const add = (i: number, j: number, value: number): void => {
    const high = Math.max(i, j);
    const low = Math.min(i, j);
    if (high < blockRows) {
      const base = Math.floor(high / blockSize) * blockSize;
      block[base * blockSize + (high - base) * blockSize + (low - base)]! += value;
    } else if (low < blockRows) {
      side[(high - blockRows) * blockRows + low]! += value;
    } else {
      corner[(high - blockRows) * border + (low - blockRows)]! += value;
    }
  };

  /** Takes the outer product of one eliminated row off the core. */
  const eliminate = (row: number): void => {
    const from = columnStart[row]!;
    const until = columnStart[row + 1]!;
    let sum = 0;
    for (let c = from; c < until; c++) sum += diagonal[c]!;
    const own = Math.max(sum, Number.MIN_VALUE);
    pivot[row] = own;
    if (oneRun[row] === 1) {
      const first = firstRow[from]!;
      const base = Math.floor(first / blockSize) * blockSize;
      for (let c = from; c < until; c++) {
        const scaled = diagonal[c]! / own;
        // The cell of (c, from); those of (c, d) follow it.
        const at = base * blockSize + (first + c - from - base) * blockSize + first - base - from;
        for (let d = from; d <= c; d++) block[at + d]! -= scaled * diagonal[d]!;
      }
      return;
    }
    if (oneBlock[row] === 1) {
      for (let c = from; c < until; c++) {
        const i = firstRow[c]!;
        if (i < 0) continue;
        const scaled = diagonal[c]! / own;
        const base = Math.floor(i / blockSize) * blockSize;
        const at = base * blockSize + (i - base) * blockSize - base;
        for (let d = from; d <= c; d++) {
          const j = firstRow[d]!;
          if (j >= 0) block[at + j]! -= scaled * diagonal[d]!;
        }
      }
      return;
    }
    for (let c = from; c < until; c++) {
      for (let d = from; d <= c; d++) {
        const scaled = (-diagonal[c]! * diagonal[d]!) / own;
        addProducts(c, d, scaled);
      }
    }
  };
  /** Adds the products of columns c and d of one eliminated row; each pair is visited once. */
  const addProducts = (c: number, d: number, scaled: number): void => {
    const i = firstRow[c]!;
    const k = secondRow[c]!;
    const j = firstRow[d]!;
    const l = secondRow[d]!;
    const a = scaled * firstCoefficient[c]!;
    const e = scaled * secondCoefficient[c]!;
    // On one row, the pair (d, c) is the same cell again.
    const twice = c === d ? 1 : 2;
    if (i >= 0 && j >= 0) add(i, j, a * firstCoefficient[d]! * (i === j ? twice : 1));
    if (i >= 0 && l >= 0) add(i, l, a * secondCoefficient[d]!);
    if (k >= 0 && l >= 0) add(k, l, e * secondCoefficient[d]! * (k === l ? twice : 1));
    if (c !== d && k >= 0 && j >= 0) add(k, j, e * firstCoefficient[d]!);
  };

  return {
    factor: (next) => {
      diagonal = Float64Array.from(next);
      block.fill(0);
      side.fill(0);
      corner.fill(0);
      for (let c = 0; c < columns; c++) {
        const i = firstRow[c]!;
        const j = secondRow[c]!;
        if (i >= 0) add(i, i, diagonal[c]! * firstCoefficient[c]! ** 2);
        if (j >= 0) add(j, j, diagonal[c]! * secondCoefficient[c]! ** 2);
        if (i >= 0 && j >= 0) add(i, j, diagonal[c]! * firstCoefficient[c]! * secondCoefficient[c]!);
      }
      for (let row = 0; row < eliminated; row++) eliminate(row);
      for (let b = 0; b < blocks; b++)
        cholesky(block.subarray(b * blockSize ** 2, (b + 1) * blockSize ** 2), blockSize);
      eliminateSide(block, side, corner, blocks, blockSize, border);
      cholesky(corner, border);
    },
    solve: (eliminatedRhs, coreRhs) => {
      for (let row = 0; row < eliminated; row++) {
        const share = eliminatedRhs[row]! / pivot[row]!;
        for (let c = columnStart[row]!; c < columnStart[row + 1]!; c++) {
          const weight = diagonal[c]! * share;
          if (firstRow[c]! >= 0) coreRhs[firstRow[c]!]! -= weight * firstCoefficient[c]!;
          if (secondRow[c]! >= 0) coreRhs[secondRow[c]!]! -= weight * secondCoefficient[c]!;
        }
      }
      solveCore(block, side, corner, blocks, blockSize, border, coreRhs);
      for (let row = 0; row < eliminated; row++) {
        let sum = eliminatedRhs[row]!;
        for (let c = columnStart[row]!; c < columnStart[row + 1]!; c++) {
          if (firstRow[c]! >= 0) sum -= diagonal[c]! * firstCoefficient[c]! * coreRhs[firstRow[c]!]!;
          if (secondRow[c]! >= 0) sum -= diagonal[c]! * secondCoefficient[c]! * coreRhs[secondRow[c]!]!;
        }
        eliminatedRhs[row] = sum / pivot[row]!;
      }
    },
  };
}

/** Lower Cholesky factor in place. */
function cholesky(matrix: Float64Array, size: number): void {
  for (let j = 0; j < size; j++) {
    const rowJ = j * size;
    let diagonal = matrix[rowJ + j]!;
    const floor = Math.max(diagonal * PIVOT_FLOOR, Number.MIN_VALUE);
    for (let k = 0; k < j; k++) diagonal -= matrix[rowJ + k]! ** 2;
    // A pivot lost to rounding means a row without freedom: an infinite pivot leaves its multiplier alone.
    const root = diagonal > floor ? Math.sqrt(diagonal) : 1e64;
    matrix[rowJ + j] = root;
    for (let i = j + 1; i < size; i++) {
      const rowI = i * size;
      let sum = matrix[rowI + j]!;
      for (let k = 0; k < j; k++) sum -= matrix[rowI + k]! * matrix[rowJ + k]!;
      matrix[rowI + j] = sum / root;
    }
  }
}

/** Turns `side` into L⁻¹·sideᵀ block by block and takes its square off the corner. */
function eliminateSide(
  block: Float64Array,
  side: Float64Array,
  corner: Float64Array,
  blocks: number,
  blockSize: number,
  border: number,
): void {
  const blockRows = blocks * blockSize;
  for (let b = 0; b < blocks; b++) {
    const factor = block.subarray(b * blockSize ** 2, (b + 1) * blockSize ** 2);
    const touched: number[] = [];
    for (let r = 0; r < border; r++) {
      const row = side.subarray(r * blockRows + b * blockSize, r * blockRows + (b + 1) * blockSize);
      if (row.every((value) => value === 0)) continue;
      forward(factor, blockSize, row);
      touched.push(r);
    }
    for (const r of touched) {
      for (const s of touched) {
        if (s > r) continue;
        let sum = 0;
        const [rowR, rowS] = [r * blockRows + b * blockSize, s * blockRows + b * blockSize];
        for (let k = 0; k < blockSize; k++) sum += side[rowR + k]! * side[rowS + k]!;
        corner[r * border + s]! -= sum;
      }
    }
  }
}

function solveCore(
  block: Float64Array,
  side: Float64Array,
  corner: Float64Array,
  blocks: number,
  blockSize: number,
  border: number,
  rhs: Float64Array,
): void {
  const blockRows = blocks * blockSize;
  const tail = rhs.subarray(blockRows);
  for (let b = 0; b < blocks; b++) {
    forward(block.subarray(b * blockSize ** 2), blockSize, rhs.subarray(b * blockSize, (b + 1) * blockSize));
  }
  for (let r = 0; r < border; r++) {
    let sum = 0;
    for (let k = 0; k < blockRows; k++) sum += side[r * blockRows + k]! * rhs[k]!;
    tail[r]! -= sum;
  }
  forward(corner, border, tail);
  backward(corner, border, tail);
  for (let r = 0; r < border; r++) {
    for (let k = 0; k < blockRows; k++) rhs[k]! -= side[r * blockRows + k]! * tail[r]!;
  }
  for (let b = 0; b < blocks; b++) {
    backward(block.subarray(b * blockSize ** 2), blockSize, rhs.subarray(b * blockSize, (b + 1) * blockSize));
  }
}

function forward(factor: Float64Array, size: number, rhs: Float64Array): void {
  for (let i = 0; i < size; i++) {
    let sum = rhs[i]!;
    for (let k = 0; k < i; k++) sum -= factor[i * size + k]! * rhs[k]!;
    rhs[i] = sum / factor[i * size + i]!;
  }
}

function backward(factor: Float64Array, size: number, rhs: Float64Array): void {
  for (let i = size - 1; i >= 0; i--) {
    const value = rhs[i]! / factor[i * size + i]!;
    rhs[i] = value;
    for (let k = 0; k < i; k++) rhs[k]! -= factor[i * size + k]! * value;
  }
}
