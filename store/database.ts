import { Pool, types, type PoolClient } from 'pg';

import { MINUTE_MS } from '../domain/durations.ts';
import { NightshiftError } from '../domain/errors.ts';
import { messageOf } from '../domain/thrown.ts';

/**
 * What the query modules take: the database itself, or a transaction in it. Rows come back with numeric and bigint
 * columns as numbers and timestamptz columns as epoch milliseconds, so that `select starts_at as "startMs"` is the
 * record that the rest of the code uses.
 */
export interface Queryable {
  /**
   * Runs one statement and gives its rows.
   * @throws NightshiftError `unavailable` when PostgreSQL cannot be reached or is going down.
   */
  query<Row>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs `work` all or nothing. Within a transaction it joins that transaction. */
  transaction<Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result>;
}

export interface Database extends Queryable {
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections?: number;
  /** Told of connections that break while idle; PostgreSQL restarting is the usual cause. */
  readonly onIdleError?: (error: Error) => void;
}

const DEFAULT_MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_REAL_MS = 10_000;
const STATEMENT_TIMEOUT_REAL_MS = MINUTE_MS;

const NUMERIC_OID = 1700;
const BIGINT_OID = 20;
const TIMESTAMPTZ_OID = 1184;

/** Opens a pool; it connects at the first query. */
export function openDatabase({ url, maxConnections, onIdleError }: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: url,
    max: maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_REAL_MS,
    // UTC, else timestamptz values cross the wire in the server's zone. A statement that hangs, or a transaction whose
    // process does, must not hold its locks for ever.
    options: `-c timezone=UTC -c statement_timeout=${STATEMENT_TIMEOUT_REAL_MS} -c idle_in_transaction_session_timeout=${STATEMENT_TIMEOUT_REAL_MS}`,
    types: { getTypeParser: parserFor },
  });
  // Without a listener, an idle connection that breaks ends the process.
  pool.on('error', (error) => onIdleError?.(error));

  return {
    query: <Row>(sql: string, values: readonly unknown[] = []) => run<Row>(pool, sql, values),
    transaction: async (work) => {
      const client = await pool.connect().catch(rethrow);
      let broken: Error | undefined;
      // A connection that breaks between two statements must not end the process either; the next statement fails.
      const onBroken = (error: Error): void => {
        broken = error;
      };
      client.on('error', onBroken);
      try {
        await run(client, 'begin', []);
        const result = await work(inTransaction(client));
        await run(client, 'commit', []);
        return result;
      } catch (error) {
        await client.query('rollback').catch((rollbackError: Error) => {
          broken = rollbackError;
        });
        throw error;
      } finally {
        client.off('error', onBroken);
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

function inTransaction(client: PoolClient): Queryable {
  const tx: Queryable = {
    query: <Row>(sql: string, values: readonly unknown[] = []) => run<Row>(client, sql, values),
    transaction: (work) => work(tx),
  };
  return tx;
}

async function run<Row>(client: Pool | PoolClient, sql: string, values: readonly unknown[]): Promise<Row[]> {
  try {
    const result = await client.query(sql, [...values]);
    return result.rows;
  } catch (error) {
    return rethrow(error);
  }
}

// SQLSTATE classes 08 (connection), 53 (resources), 57P (shutting down, starting up), 57014 (out of time), and what the
// socket says.
const UNAVAILABLE = /^(08|53|57P|57014)|^E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN)$/;

/** Whether PostgreSQL refused the values themselves (SQLSTATE classes 22 and 23): trying again does not change that. */
export function isRefusedData(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^2[23][0-9A-Z]{3}$/.test(String(error.code));
}

// What pg says without a code.
const UNREACHABLE_MESSAGE = /Connection terminated|timeout exceeded when trying to connect|not queryable/;

function rethrow(error: unknown): never {
  const message = messageOf(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (UNAVAILABLE.test(code) || UNREACHABLE_MESSAGE.test(message)) {
    throw new NightshiftError('unavailable', 'PostgreSQL does not answer.', { cause: error });
  }
  throw error;
}

function parserFor(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === NUMERIC_OID || oid === BIGINT_OID) return Number;
  if (oid === TIMESTAMPTZ_OID) return parseInstant;
  return format === 'binary' ? types.getTypeParser(oid, format) : types.getTypeParser(oid, 'text');
}

function parseInstant(value: string): number {
  // The session is in UTC: "2026-01-01 10:00:00.5+00" is ISO 8601 but for these two marks.
  const atMs = Date.parse(value.replace(' ', 'T').replace(/\+00$/, 'Z'));
  if (Number.isNaN(atMs)) throw new NightshiftError('internal', `PostgreSQL gave the instant "${value}".`);
  return atMs;
}

/** A parameter for a timestamptz column. */
export function instant(atMs: number): Date {
  return new Date(atMs);
}

/** Parameters for a bulk statement over `unnest`: one array a column. */
export function columns<Item>(items: readonly Item[], ...read: readonly ((item: Item) => unknown)[]): unknown[][] {
  return read.map((column) => items.map(column));
}

/** The only row of a statement that always gives one. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new NightshiftError('internal', 'A statement that always gives a row gave none.');
  return row;
}
