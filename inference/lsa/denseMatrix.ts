/** Matrices are row by row in one array: rows x columns. */

/** aᵀ b, where both have `rows` rows. */
export function transposedProduct(
  a: Float64Array,
  aColumns: number,
  b: Float64Array,
  bColumns: number,
  rows: number,
): Float64Array {
  const product = new Float64Array(aColumns * bColumns);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < aColumns; i++) {
      const factor = a[row * aColumns + i] ?? 0;
      for (let j = 0; j < bColumns; j++) add(product, i * bColumns + j, factor * (b[row * bColumns + j] ?? 0));
    }
  }
  return product;
}

/** a b, where b is square. */
export function product(a: Float64Array, rows: number, b: Float64Array, size: number): Float64Array {
  const result = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) {
      const factor = a[row * size + i] ?? 0;
      for (let j = 0; j < size; j++) add(result, row * size + j, factor * (b[i * size + j] ?? 0));
    }
  }
  return result;
}

export function add(to: Float64Array, index: number, value: number): void {
  to[index] = (to[index] ?? 0) + value;
}

/** An orthonormal basis of the columns: Cholesky of the Gram matrix, twice, since once loses half of the digits. */
export function orthonormalised(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return choleskyQr(choleskyQr(matrix, rows, columns), rows, columns);
}

function choleskyQr(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const factor = cholesky(transposedProduct(matrix, columns, matrix, columns, rows), columns);
  const basis = new Float64Array(matrix);
  // Solves basis · factorᵀ = matrix, row by row.
  for (let row = 0; row < rows; row++) {
    const offset = row * columns;
    for (let j = 0; j < columns; j++) {
      let value = basis[offset + j] ?? 0;
      for (let k = 0; k < j; k++) value -= (basis[offset + k] ?? 0) * (factor[j * columns + k] ?? 0);
      basis[offset + j] = value / (factor[j * columns + j] ?? 1);
    }
  }
  return basis;
}

function cholesky(gram: Float64Array, size: number): Float64Array {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[i * size + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (lower[i * size + k] ?? 0) * (lower[j * size + k] ?? 0);
      lower[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (lower[j * size + j] ?? 1);
    }
  }
  return lower;
}

const SWEEPS = 30;
const CONVERGED = 1e-11;

/** Eigenvectors of a symmetric matrix as columns, largest eigenvalue first (Jacobi's method). */
export function eigenvectors(symmetric: Float64Array, size: number): Float64Array {
  const a = new Float64Array(symmetric);
  const v = new Float64Array(size * size);
  for (let i = 0; i < size; i++) v[i * size + i] = 1;
  for (let sweep = 0; sweep < SWEEPS && offDiagonal(a, size) > CONVERGED; sweep++) {
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q);
  }
  const order = Array.from({ length: size }, (_, index) => index).sort(
    (x, y) => (a[y * size + y] ?? 0) - (a[x * size + x] ?? 0),
  );
  const sorted = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (const [column, from] of order.entries()) sorted[row * size + column] = v[row * size + from] ?? 0;
  }
  return sorted;
}

/** Off-diagonal part against the diagonal, squared. */
function offDiagonal(a: Float64Array, size: number): number {
  let off = 0;
  let diagonal = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const square = (a[i * size + j] ?? 0) ** 2;
      if (i === j) diagonal += square;
      else off += square;
    }
  }
  return diagonal === 0 ? 0 : off / diagonal;
}

function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q] ?? 0;
  if (apq === 0) return;
  const theta = ((a[q * size + q] ?? 0) - (a[p * size + p] ?? 0)) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  turn(a, size, p, q, c, s, true);
  turn(a, size, p, q, c, s, false);
  turn(v, size, p, q, c, s, false);
}

/** Turns rows or columns p and q. */
function turn(m: Float64Array, size: number, p: number, q: number, c: number, s: number, rows: boolean): void {
  for (let k = 0; k < size; k++) {
    const ip = rows ? p * size + k : k * size + p;
    const iq = rows ? q * size + k : k * size + q;
    const mp = m[ip] ?? 0;
    const mq = m[iq] ?? 0;
    m[ip] = c * mp - s * mq;
    m[iq] = s * mp + c * mq;
  }
}
