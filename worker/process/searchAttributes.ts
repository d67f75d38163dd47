import { isGrpcServiceError, type Client } from '@temporalio/client';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../domain/searchAttributes.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { messageOf } from '../../domain/thrown.ts';

type OperatorConnection = Pick<Client['connection'], 'operatorService'>;

const { IndexedValueType } = proto.temporal.api.enums.v1;

const TYPES = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
  Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
} as const;

type Wanted = { readonly name: string; readonly indexedType: (typeof TYPES)[keyof typeof TYPES] };

/**
 * Registers our search attributes in a namespace, those that are missing. May be called at any time, by any number.
 * @returns the names that it added
 * @throws NightshiftError `unavailable` when one exists with another type, or the server does not let us
 */
export async function registerSearchAttributes(connection: OperatorConnection, namespace: string): Promise<string[]> {
  try {
    const missing = await missingIn(connection, namespace);
    if (missing.length > 0) {
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map(({ name, indexedType }) => [name, indexedType])),
      });
    }
    return missing.map(({ name }) => name);
  } catch (cause) {
    throw new NightshiftError(
      'unavailable',
      `The search attributes of namespace ${namespace} could not be registered: ${messageOf(cause)}. ` +
        `An administrator can: ${searchAttributesCommand(namespace)}`,
      { cause },
    );
  }
}

/** Names of those that the namespace lacks. @throws Error when one exists with another type */
export async function missingSearchAttributes(connection: OperatorConnection, namespace: string): Promise<string[]> {
  return (await missingIn(connection, namespace)).map(({ name }) => name);
}

/** How an administrator creates them. */
export function searchAttributesCommand(namespace: string): string {
  const flags = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `--name ${name} --type ${type}`);
  return `temporal operator search-attribute create --namespace ${namespace} ${flags.join(' ')}`;
}

async function missingIn(connection: OperatorConnection, namespace: string): Promise<Wanted[]> {
  const wanted = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => ({ name, type, indexedType: TYPES[type] }));
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const present = customAttributes ?? {};
  const conflicts = wanted.filter(({ name, indexedType }) => (present[name] ?? indexedType) !== indexedType);
  if (conflicts.length > 0) {
    const list = conflicts.map(({ name, type }) => `${name} (must be ${type})`).join(', ');
    throw new Error(`these exist with another type: ${list}`);
  }
  return wanted.filter(({ name }) => present[name] === undefined);
}

/** Servers that keep their operator's service to administrators, such as Temporal Cloud. */
const NOT_FOR_US: readonly number[] = [status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.UNIMPLEMENTED];

/**
 * As `registerSearchAttributes`, at the start of a worker. A server that lets only administrators look is taken to have
 * them: the log says how they are created.
 * @throws NightshiftError `unavailable` that names the command
 */
export async function ensureSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
  log: Logger,
): Promise<void> {
  try {
    const added = await registerSearchAttributes(connection, namespace);
    if (added.length > 0) log.info({ added }, 'registered search attributes');
  } catch (error) {
    const cause = error instanceof NightshiftError ? error.cause : undefined;
    if (!isGrpcServiceError(cause) || !NOT_FOR_US.includes(cause.code)) throw error;
    log.warn({ err: error }, 'the search attributes cannot be looked at from here');
  }
}
