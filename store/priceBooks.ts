import {
  DEFAULT_PRICE_BOOK,
  priceBookSchema,
  writtenOf,
  type PriceBook,
  type PriceBookInput,
} from '../domain/priceBook.ts';
import { NightshiftError } from '../domain/errors.ts';
import { instant, only, type Queryable } from './database.ts';

/** A price book with its version and the grid time from which it is valid. */
export interface StoredPriceBook {
  /** 0: what holds until an operator states another one. */
  readonly version: number;
  readonly validFromMs: number;
  readonly book: PriceBook;
  /** Id of the key that set it, "cell file" or "default". */
  readonly setBy: string;
}

interface Row {
  readonly version: number;
  readonly validFromMs: number;
  readonly written: PriceBookInput;
  readonly setBy: string;
}

const COLUMNS = `version, valid_from as "validFromMs", book as written, set_by as "setBy"`;
const DEFAULT: StoredPriceBook = stored({ version: 0, validFromMs: 0, written: DEFAULT_PRICE_BOOK, setBy: 'default' });

/**
 * Adds a version. What ran under an earlier one stays priced by it.
 * @throws NightshiftError `conflict` for another currency than the versions before: open batches have terms in it
 */
export async function addPriceBook(
  database: Queryable,
  added: { readonly book: PriceBook; readonly validFromMs: number; readonly setBy: string },
): Promise<StoredPriceBook> {
  return database.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('price_books'))`);
    const [last] = await tx.query<Row>(`select ${COLUMNS} from price_books order by version desc limit 1`);
    if (last && last.written.currency !== added.book.currency) {
      const message = `The price book is in ${last.written.currency} since version ${last.version}; add other currencies under rates.`;
      throw new NightshiftError('conflict', message, { field: 'currency' });
    }
    return stored(
      only(
        await tx.query<Row>(
          `insert into price_books (valid_from, book, set_by) values ($1, $2, $3) returning ${COLUMNS}`,
          [instant(added.validFromMs), JSON.stringify(writtenOf(added.book)), added.setBy],
        ),
      ),
    );
  });
}

/** Adds the cell file's book, unless it is the last one that the cell file has set: others may have been set since. */
export async function seedPriceBook(database: Queryable, book: PriceBook, validFromMs: number): Promise<void> {
  const [known] = await database.query(
    `select 1 from price_books where book = $1::jsonb
       and version = (select max(version) from price_books where set_by = $2)`,
    [JSON.stringify(writtenOf(book)), CELL_FILE],
  );
  if (!known) await addPriceBook(database, { book, validFromMs, setBy: CELL_FILE });
}

const CELL_FILE = 'cell file';

/** The book in force at a grid time. */
export async function readPriceBookAt(database: Queryable, atMs: number): Promise<StoredPriceBook> {
  const [row] = await database.query<Row>(
    `select ${COLUMNS} from price_books where valid_from <= $1 order by valid_from desc, version desc limit 1`,
    [instant(atMs)],
  );
  return row ? stored(row) : DEFAULT;
}

/** A version by its number. @throws NightshiftError `not_found` */
export async function readPriceBook(database: Queryable, version: number): Promise<StoredPriceBook> {
  if (version === DEFAULT.version) return DEFAULT;
  const [row] = await database.query<Row>(`select ${COLUMNS} from price_books where version = $1`, [version]);
  if (!row) throw new NightshiftError('not_found', `There is no version ${version} of the price book.`);
  return stored(row);
}

/** All versions, newest first; version 0 is the last. */
export async function listPriceBooks(database: Queryable): Promise<StoredPriceBook[]> {
  const rows = await database.query<Row>(`select ${COLUMNS} from price_books order by version desc`);
  return [...rows.map(stored), DEFAULT];
}

function stored({ written, ...row }: Row): StoredPriceBook {
  return { ...row, book: priceBookSchema.parse(written) };
}
