import { Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Connection, type ConnectionOptions } from '@temporalio/client';

export const WORKFLOW_SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';

/** How long a call of a car is waited for. */
export interface CallLimits {
  /** Real time: the server answers no poll without a deadline. */
  readonly deadlineRealMs: number;
  /** Ends the call when it aborts. */
  readonly gone?: AbortSignal;
}

/** Temporal's server, by bytes: what a car need not be shown differently is never decoded. */
export interface GatewayUpstream {
  /**
   * @param rpc of the workflow service
   * @throws ServiceError as the server answers
   */
  call(rpc: string, request: Uint8Array, limits: CallLimits): Promise<Uint8Array>;
}

/**
 * The server, with the namespace's credentials. The SDK's own Connection keeps deadlines and signals in async context,
 * which costs a gateway much of its CPU: so it finds out that the server is there, and what its options come to, and no more.
 * @throws what the server's absence throws
 */
export async function openUpstream(
  options: ConnectionOptions,
  namespace: string,
): Promise<GatewayUpstream & { close(): void }> {
  const connection = await Connection.connect(options);
  const { address, credentials, channelArgs, metadata } = connection.options;
  await connection.close();
  const client = new Client(address, credentials, { ...channelArgs, ...WITHOUT_STATISTICS });
  const own = new Metadata();
  for (const [name, value] of Object.entries(metadata)) own.set(name, value);
  own.set('temporal-namespace', namespace);
  const { apiKey } = options;
  return {
    call: (rpc, request, { deadlineRealMs: deadline, gone }) =>
      new Promise((resolve, reject) => {
        const sent = own.clone();
        const bearer = typeof apiKey === 'function' ? apiKey() : apiKey;
        if (bearer) sent.set('authorization', `Bearer ${bearer}`);
        const path = `/${WORKFLOW_SERVICE}/${rpc}`;
        const call = client.makeUnaryRequest(path, raw, raw, request, sent, { deadline }, answered);
        const cancel = () => call.cancel();
        if (gone?.aborted) cancel();
        gone?.addEventListener('abort', cancel, { once: true });
        function answered(error: ServiceError | null, answer?: Buffer): void {
          gone?.removeEventListener('abort', cancel);
          if (error) reject(error);
          else resolve(answer ?? Buffer.alloc(0));
        }
      }),
    close: () => client.close(),
  };
}

/** Nobody asks for gRPC's statistics of single calls. */
export const WITHOUT_STATISTICS = { 'grpc.enable_channelz': 0 } as const;

function raw(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
