// Indices come from loops over the matrix's own size; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */

/** A pivot below so much of its diagonal entry is rounding: the row follows from those before it. */
const DEPENDENT = 1e-11;

/**
 * Solves A·X = B for a symmetric, positive semidefinite A by Cholesky, in place. Unknowns that depend on those before
 * them become 0.
 * @param matrix size × size, row by row, of which the lower half is read and overwritten
 * @param columns size × width, row by row: B, then X
 */
export function solveSymmetric(matrix: Float64Array, size: number, columns: Float64Array, width: number): void {
  for (let row = 0; row < size; row++) {
    const start = row * size;
    const diagonal = matrix[start + row]!;
    let rest = diagonal;
    for (let column = 0; column < row; column++) {
      const other = column * size;
      let sum = matrix[start + column]!;
      for (let k = 0; k < column; k++) sum -= matrix[start + k]! * matrix[other + k]!;
      // The diagonal holds reciprocals, 0 where a row depends on others.
      sum *= matrix[other + column]!;
      matrix[start + column] = sum;
      rest -= sum * sum;
    }
    matrix[start + row] = rest > DEPENDENT * diagonal ? 1 / Math.sqrt(rest) : 0;
  }
  for (let row = 0; row < size; row++) {
    const into = row * width;
    for (let k = 0; k < row; k++) subtract(columns, into, k * width, matrix[row * size + k]!, width);
    scale(columns, into, matrix[row * size + row]!, width);
  }
  for (let row = size - 1; row >= 0; row--) {
    const into = row * width;
    for (let k = row + 1; k < size; k++) subtract(columns, into, k * width, matrix[k * size + row]!, width);
    scale(columns, into, matrix[row * size + row]!, width);
  }
}

function subtract(columns: Float64Array, into: number, from: number, factor: number, width: number): void {
  if (factor === 0) return;
  for (let c = 0; c < width; c++) columns[into + c]! -= factor * columns[from + c]!;
}

function scale(columns: Float64Array, into: number, factor: number, width: number): void {
  for (let c = 0; c < width; c++) columns[into + c]! *= factor;
}
