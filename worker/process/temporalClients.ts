import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { TemporalConnection } from '../../config/temporalConnection.ts';
import { untilAnswered } from './untilAnswered.ts';

/** A client to the configured server; waits for a server that is still starting. */
export async function connectClient({ options, namespace }: TemporalConnection): Promise<Client> {
  const connection = await untilAnswered('Temporal', () => Connection.connect(options));
  return new Client({ connection, namespace });
}

/** A connection for workers; its `connect` is eager, so it waits too. */
export function connectWorker({ options }: TemporalConnection): Promise<NativeConnection> {
  return untilAnswered('Temporal', () => NativeConnection.connect(options));
}
