import type { Terminal } from './terminal.ts';

/** A table whose columns are as wide as what is in them. */
export function tableOf(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  colors: Terminal['colors'],
): string {
  const table = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row, index) => {
      const line = row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
      return `${index === 0 ? colors.bold(line) : line}\n`;
    })
    .join('');
}
