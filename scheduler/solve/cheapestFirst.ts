// Indices come from loops over the arrays' own bounds; a check on each read would double the time.
/* oxlint-disable typescript/no-non-null-assertion */

/**
 * Puts 0, 1, … into `order` by rising price, lower numbers first among equals. Written out, since the sort of typed
 * arrays calls back for every comparison, and this runs for every car.
 * @param price at least `count` values
 * @param order takes `count` numbers
 */
export function cheapestFirst(price: Float64Array, count: number, order: Int32Array): void {
  for (let k = 0; k < count; k++) order[k] = k;
  let gap = 1;
  while (gap < count / 3) gap = 3 * gap + 1;
  for (; gap >= 1; gap = (gap - 1) / 3) {
    for (let k = gap; k < count; k++) {
      const moved = order[k]!;
      const value = price[moved]!;
      let hole = k;
      while (hole >= gap) {
        const before = order[hole - gap]!;
        const other = price[before]!;
        if (other < value || (other === value && before < moved)) break;
        order[hole] = before;
        hole -= gap;
      }
      order[hole] = moved;
    }
  }
}
