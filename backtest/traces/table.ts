import { DateTime } from 'luxon';

import { NightshiftError } from '../../domain/errors.ts';

/** A table read from delimited text: cells are found by column name, and what is wrong is named by file and line. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  /** The cell as text; undefined where it is empty or `NA`. */
  text(column: string): string | undefined;
  /** The cell as a number, decimal comma allowed where the delimiter is another sign. */
  number(column: string): number;
  /** The cell as an instant, epoch ms: ISO 8601 or `YYYY-MM-DD HH:MM[:SS]`, in `zone` unless it has an offset. */
  instantMs(column: string, zone: string): number;
  /** Says that the row is wrong in this column. */
  wrong(column: string, problem: string): NightshiftError;
}

const DELIMITERS = [';', ',', '\t'] as const;
const MISSING = new Set(['', 'NA']);

/**
 * Reads delimited text with a header line: `;`, `,` or tab, whichever the header has most of; LF or CRLF; cells may
 * be in double quotes.
 * @param file named in errors
 * @param required columns that must be there
 * @throws NightshiftError invalid_request, with the file and the column or line
 */
export function parseTable(text: string, file: string, required: readonly string[]): Table {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = lines[0] ?? '';
  const delimiter = DELIMITERS.reduce((best, sign) => (count(header, sign) > count(header, best) ? sign : best));
  const columns = splitLine(header, delimiter);
  const indexOf = new Map(columns.map((name, index) => [name, index]));
  for (const name of required) {
    if (indexOf.has(name)) continue;
    const there = columns.map((column) => JSON.stringify(column)).join(', ');
    throw invalid(name, `${file} has no column ${JSON.stringify(name)}; it has ${there}.`);
  }
  const rows: TableRow[] = [];
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line === '') continue;
    const cells = splitLine(line, delimiter);
    if (cells.length !== columns.length) {
      throw invalid(file, `${file} line ${index + 1} has ${cells.length} cells; the header has ${columns.length}.`);
    }
    rows.push(rowOf(cells, { file, line: index + 1, indexOf, decimalComma: delimiter !== ',' }));
  }
  return { columns, rows };
}

interface RowContext {
  readonly file: string;
  readonly line: number;
  readonly indexOf: ReadonlyMap<string, number>;
  readonly decimalComma: boolean;
}

function rowOf(cells: readonly string[], context: RowContext): TableRow {
  const { file, line, indexOf, decimalComma } = context;
  const wrong = (column: string, problem: string): NightshiftError =>
    invalid(column, `${file} line ${line}, column ${JSON.stringify(column)}: ${problem}.`);
  const text = (column: string): string | undefined => {
    const cell = cells[indexOf.get(column) ?? -1];
    return cell === undefined || MISSING.has(cell) ? undefined : cell;
  };
  const needed = (column: string): string => {
    const cell = text(column);
    if (cell === undefined) throw wrong(column, 'a value is missing');
    return cell;
  };
  return {
    text,
    wrong,
    number: (column) => {
      const cell = needed(column);
      const value = Number(decimalComma ? cell.replace(',', '.') : cell);
      if (!Number.isFinite(value)) throw wrong(column, `${JSON.stringify(cell)} is not a number`);
      return value;
    },
    instantMs: (column, zone) => {
      const cell = needed(column);
      const instant = DateTime.fromISO(cell.replace(' ', 'T'), { zone });
      if (!instant.isValid) throw wrong(column, `${JSON.stringify(cell)} is not a time (YYYY-MM-DD HH:MM:SS)`);
      return instant.toMillis();
    },
  };
}

function splitLine(line: string, delimiter: string): string[] {
  if (!line.includes('"')) return line.split(delimiter);
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const sign = line[at];
    if (sign === '"') {
      if (quoted && line[at + 1] === '"') cell += line[at++];
      else quoted = !quoted;
    } else if (sign === delimiter && !quoted) {
      cells.push(cell);
      cell = '';
    } else {
      cell += sign;
    }
  }
  return [...cells, cell];
}

function count(text: string, sign: string): number {
  return text.split(sign).length - 1;
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}
