// Indices come from loops over the program's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import { createBlockSystem, type BlockProgram, type BlockSystem } from './blockSystem.ts';

export interface InteriorPoint {
  readonly columns: Float64Array;
  readonly eliminatedDual: Float64Array;
  readonly coreDual: Float64Array;
  readonly iterations: number;
}

const MOST_ITERATIONS = 80;
const STEP_BACK = 0.9995;

/**
 * Mehrotra's predictor-corrector method (Mehrotra 1992) for min cost·z, A·z = b, 0 <= z <= upper. What it returns is a
 * good point, not a proof: callers take a bound from the duals and repair the columns.
 * @param tolerance relative, on gap and residuals
 */
export function interiorPoint(program: BlockProgram, tolerance: number): InteriorPoint {
  const { cost, upper } = program;
  const n = cost.length;
  const system = createBlockSystem(program);
  const { z, w, lower, over, eliminatedDual, coreDual } = startingPoint(program, system);
  const pairs = n + upper.reduce((sum, bound) => sum + (bound < Infinity ? 1 : 0), 0);
  const diagonal = new Float64Array(n);
  const weighted = new Float64Array(n);
  const dz = new Float64Array(n);
  const dw = new Float64Array(n);
  const dLower = new Float64Array(n);
  const dOver = new Float64Array(n);
  const rowScale = 1 + largest(program.eliminatedRhs, program.coreRhs);
  const costScale = 1 + largest(cost);

  let iterations = 0;
  for (; iterations < MOST_ITERATIONS; iterations++) {
    const primal = primalResidual(program, z);
    const dual = dualResidual(program, eliminatedDual, coreDual, lower, over);
    let complementarity = 0;
    for (let c = 0; c < n; c++) complementarity += z[c]! * lower[c]! + (upper[c]! < Infinity ? w[c]! * over[c]! : 0);
    const centre = complementarity / pairs;
    const objective = Math.abs(dot(cost, z));
    const converged =
      complementarity <= tolerance * (1 + objective) &&
      largest(primal.eliminated, primal.core) <= tolerance * rowScale &&
      largest(dual) <= tolerance * costScale;
    if (converged || !Number.isFinite(complementarity)) break;

    for (let c = 0; c < n; c++) {
      diagonal[c] = 1 / (lower[c]! / z[c]! + (upper[c]! < Infinity ? over[c]! / w[c]! : 0));
    }
    system.factor(diagonal);
    /** Newton direction towards products `goal`, less the second-order terms of the previous direction. */
    const direction = (goal: number, secondOrder: boolean): { eliminated: Float64Array; core: Float64Array } => {
      const h = new Float64Array(n);
      const towardsLower = new Float64Array(n);
      const towardsOver = new Float64Array(n);
      const eliminated = Float64Array.from(primal.eliminated);
      const core = Float64Array.from(primal.core);
      for (let c = 0; c < n; c++) {
        towardsLower[c] = goal - z[c]! * lower[c]! - (secondOrder ? dz[c]! * dLower[c]! : 0);
        h[c] = dual[c]! - towardsLower[c]! / z[c]!;
        if (!(upper[c]! < Infinity)) continue;
        towardsOver[c] = goal - w[c]! * over[c]! - (secondOrder ? dw[c]! * dOver[c]! : 0);
        h[c]! += (towardsOver[c]! - over[c]! * (upper[c]! - z[c]! - w[c]!)) / w[c]!;
      }
      for (let c = 0; c < n; c++) weighted[c] = diagonal[c]! * h[c]!;
      addColumns(program, weighted, 1, eliminated, core);
      system.solve(eliminated, core);
      const reduced = transposed(program, eliminated, core);
      for (let c = 0; c < n; c++) {
        const move = diagonal[c]! * (reduced[c]! - h[c]!);
        dz[c] = move;
        dLower[c] = (towardsLower[c]! - lower[c]! * move) / z[c]!;
        if (!(upper[c]! < Infinity)) continue;
        const spare = upper[c]! - z[c]! - w[c]! - move;
        dw[c] = spare;
        dOver[c] = (towardsOver[c]! - over[c]! * spare) / w[c]!;
      }
      return { eliminated, core };
    };

    direction(0, false);
    const [affinePrimal, affineDual] = [stepLength(z, dz, w, dw, upper), stepLength(lower, dLower, over, dOver, upper)];
    let after = 0;
    for (let c = 0; c < n; c++) {
      after += (z[c]! + affinePrimal * dz[c]!) * (lower[c]! + affineDual * dLower[c]!);
      if (upper[c]! < Infinity) after += (w[c]! + affinePrimal * dw[c]!) * (over[c]! + affineDual * dOver[c]!);
    }
    const step = direction(centre * (after / pairs / centre) ** 3, true);
    const primalStep = STEP_BACK * stepLength(z, dz, w, dw, upper);
    const dualStep = STEP_BACK * stepLength(lower, dLower, over, dOver, upper);
    for (let c = 0; c < n; c++) {
      z[c]! += primalStep * dz[c]!;
      lower[c]! += dualStep * dLower[c]!;
      if (!(upper[c]! < Infinity)) continue;
      w[c]! += primalStep * dw[c]!;
      over[c]! += dualStep * dOver[c]!;
    }
    for (let row = 0; row < eliminatedDual.length; row++) eliminatedDual[row]! += dualStep * step.eliminated[row]!;
    for (let row = 0; row < coreDual.length; row++) coreDual[row]! += dualStep * step.core[row]!;
  }
  return { columns: z, eliminatedDual, coreDual, iterations };
}

/**
 * Mehrotra's start: least-squares solutions of both sides, moved inside their bounds by about as much as they lie
 * outside. A start that ignores the scale of limits and penalties makes the first dozens of steps useless.
 */
function startingPoint(program: BlockProgram, system: BlockSystem) {
  const { cost, upper } = program;
  const n = cost.length;
  system.factor(new Float64Array(n).fill(1));
  const eliminatedDual = new Float64Array(program.eliminatedRhs.length);
  const coreDual = new Float64Array(program.coreRhs.length);
  addColumns(program, cost, 1, eliminatedDual, coreDual);
  system.solve(eliminatedDual, coreDual);
  const eliminated = Float64Array.from(program.eliminatedRhs);
  const core = Float64Array.from(program.coreRhs);
  system.solve(eliminated, core);
  const z = transposed(program, eliminated, core);
  const reduced = transposed(program, eliminatedDual, coreDual).map((value, c) => cost[c]! - value);
  let outside = 1e-3;
  let below = 1e-3;
  for (let c = 0; c < n; c++) {
    if (upper[c]! < Infinity) continue;
    outside = Math.max(outside, -1.5 * z[c]!);
    below = Math.max(below, -1.5 * reduced[c]!);
  }
  const w = new Float64Array(n);
  const lower = new Float64Array(n);
  const over = new Float64Array(n);
  for (let c = 0; c < n; c++) {
    const bound = upper[c]!;
    if (bound < Infinity) {
      z[c] = Math.min(0.9 * bound, Math.max(0.1 * bound, z[c]!));
      w[c] = bound - z[c]!;
      lower[c] = Math.max(reduced[c]!, 0) + below;
      over[c] = Math.max(-reduced[c]!, 0) + below;
    } else {
      z[c]! += outside;
      lower[c] = reduced[c]! + below;
    }
  }
  return { z, w, lower, over, eliminatedDual, coreDual };
}

/** Longest step in (0, 1] that keeps both sides of every bound positive. */
function stepLength(a: Float64Array, da: Float64Array, b: Float64Array, db: Float64Array, upper: Float64Array): number {
  let step = 1 / STEP_BACK;
  for (let c = 0; c < a.length; c++) {
    if (da[c]! < 0) step = Math.min(step, -a[c]! / da[c]!);
    if (upper[c]! < Infinity && db[c]! < 0) step = Math.min(step, -b[c]! / db[c]!);
  }
  return step;
}

/** b - A·z. */
function primalResidual(program: BlockProgram, z: Float64Array): { eliminated: Float64Array; core: Float64Array } {
  const eliminated = Float64Array.from(program.eliminatedRhs);
  const core = Float64Array.from(program.coreRhs);
  addColumns(program, z, -1, eliminated, core);
  return { eliminated, core };
}

/** cost - Aᵀ·y - lower + over. */
function dualResidual(
  program: BlockProgram,
  eliminatedDual: Float64Array,
  coreDual: Float64Array,
  lower: Float64Array,
  over: Float64Array,
): Float64Array {
  const residual = transposed(program, eliminatedDual, coreDual);
  for (let c = 0; c < residual.length; c++) residual[c] = program.cost[c]! - residual[c]! - lower[c]! + over[c]!;
  return residual;
}

/** Adds factor · A·values to the rows. */
function addColumns(
  { columnStart, firstRow, firstCoefficient, secondRow, secondCoefficient }: BlockProgram,
  values: Float64Array,
  factor: number,
  eliminated: Float64Array,
  core: Float64Array,
): void {
  for (let row = 0; row < eliminated.length; row++) {
    let sum = 0;
    for (let c = columnStart[row]!; c < columnStart[row + 1]!; c++) sum += values[c]!;
    eliminated[row]! += factor * sum;
  }
  for (let c = 0; c < values.length; c++) {
    const amount = factor * values[c]!;
    if (firstRow[c]! >= 0) core[firstRow[c]!]! += amount * firstCoefficient[c]!;
    if (secondRow[c]! >= 0) core[secondRow[c]!]! += amount * secondCoefficient[c]!;
  }
}

/** Aᵀ·y by column. */
function transposed(
  { columnStart, firstRow, firstCoefficient, secondRow, secondCoefficient, cost }: BlockProgram,
  eliminated: Float64Array,
  core: Float64Array,
): Float64Array {
  const values = new Float64Array(cost.length);
  for (let row = 0; row < eliminated.length; row++) {
    values.fill(eliminated[row]!, columnStart[row], columnStart[row + 1]);
  }
  for (let c = 0; c < values.length; c++) {
    if (firstRow[c]! >= 0) values[c]! += core[firstRow[c]!]! * firstCoefficient[c]!;
    if (secondRow[c]! >= 0) values[c]! += core[secondRow[c]!]! * secondCoefficient[c]!;
  }
  return values;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

function largest(...columns: readonly Float64Array[]): number {
  let most = 0;
  for (const column of columns) for (const value of column) most = Math.max(most, Math.abs(value));
  return most;
}
