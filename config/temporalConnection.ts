import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { messageOf } from '../domain/thrown.ts';
import type { ConfigValues } from './keys.ts';

export interface TemporalConnection {
  /** For `Connection.connect` and `NativeConnection.connect`: address, TLS, API key, metadata. */
  readonly options: NativeConnectionOptions & { readonly address: string };
  readonly namespace: string;
}

/**
 * Reads the SDK's own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS*, TEMPORAL_PROFILE,
 * TEMPORAL_CONFIG_FILE). The user's default Temporal profile file counts only when TEMPORAL_PROFILE or
 * TEMPORAL_CONFIG_FILE asks for it: else a start on a developer's machine would run against whatever server that names.
 * @throws Error whose message names the variable
 */
export function resolveTemporalConnection(
  values: ConfigValues,
  env: NodeJS.ProcessEnv,
): { embedded: boolean; connection: TemporalConnection } {
  const embeddedAddress = `127.0.0.1:${values['temporal.port']}`;
  const asksForFile = Boolean(env.TEMPORAL_PROFILE || env.TEMPORAL_CONFIG_FILE);
  if (!env.TEMPORAL_ADDRESS && !asksForFile) {
    const namespace = env.TEMPORAL_NAMESPACE || values['temporal.namespace'];
    return { embedded: true, connection: { options: { address: embeddedAddress }, namespace } };
  }

  const { connectionOptions, namespace } = loadTemporalVariables(env, asksForFile);
  const { address } = connectionOptions;
  if (!address) throw new Error('TEMPORAL_ADDRESS: neither it nor the chosen Temporal profile names a server');
  return {
    embedded: false,
    connection: { options: { ...connectionOptions, address }, namespace: namespace ?? values['temporal.namespace'] },
  };
}

function loadTemporalVariables(env: NodeJS.ProcessEnv, asksForFile: boolean) {
  const set = Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]));
  try {
    return loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set), disableFile: !asksForFile });
  } catch (error) {
    throw new Error(`TEMPORAL_*: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
