const BARS = ' ▁▂▃▄▅▆▇█';

/** A curve in one line of text, a character a value, in shares of its greatest value. */
export function barsOf(values: readonly number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => BARS[Math.round((value / most) * (BARS.length - 1))] ?? ' ').join('');
}
