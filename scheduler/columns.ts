/** The value at an index that comes from the column's own bounds; 0 for an index outside, which no caller uses. */
export function at(values: Float64Array | Float32Array | Int32Array | Uint8Array, index: number): number {
  return values[index] ?? 0;
}
