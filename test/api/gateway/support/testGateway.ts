import { pino } from 'pino';
import type { CarLimits } from '../../../../api/gateway/carLimits.ts';
import type { RefusalKind } from '../../../../api/gateway/refusal.ts';
import { startGateway } from '../../../../api/gateway/server.ts';
import { openUpstream } from '../../../../api/gateway/upstream.ts';
import { taskTokensWith } from '../../../../api/gateway/taskTokens.ts';
import type { ConnectionLimits } from '../../../../domain/connectionLimits.ts';
import { sliceSignerWith } from '../../../../store/sliceAccess.ts';
import type { KeyedCar } from '../../../../store/carKeys.ts';

export const SECRET = 'a secret that gateways share';

/** As the agents of the tests are; the key of each car is `key of <id>`. */
export function keyedCar(vehicleId: string): KeyedCar {
  return { vehicleId, cellId: 'test', regionId: 'north', hardwareClass: 'ai4', modelFamilies: ['ocr'] };
}

export interface TestGateway {
  readonly address: string;
  readonly port: number;
  readonly refused: { readonly kind: RefusalKind; readonly vehicleId: string | undefined }[];
  readonly failed: { readonly jobId: string; readonly message: string }[];
  /** Cars, by call that was let through. */
  readonly answered: string[];
  close(): Promise<void>;
}

/** A gateway before the server at `target`, for these cars. */
export async function testGateway(options: {
  readonly target: string;
  readonly vehicleIds: readonly string[];
  readonly port?: number;
  readonly limits?: Partial<CarLimits>;
  readonly connections?: ConnectionLimits;
}): Promise<TestGateway> {
  const upstream = await openUpstream({ address: options.target }, 'default');
  const refused: TestGateway['refused'] = [];
  const failed: TestGateway['failed'] = [];
  const answered: string[] = [];
  const gateway = await startGateway(
    {
      host: '127.0.0.1',
      port: options.port ?? 0,
      namespace: 'default',
      ...(options.limits && { limits: options.limits }),
      ...(options.connections && { connections: options.connections }),
    },
    {
      upstream,
      carOfKey: async (key) => options.vehicleIds.map(keyedCar).find(({ vehicleId }) => key === `key of ${vehicleId}`),
      onRefused: ({ kind }, car) => refused.push({ kind, vehicleId: car?.vehicleId }),
      onAttemptFailed: (jobId, message) => failed.push({ jobId, message }),
      onAnswered: ({ vehicleId }) => void answered.push(vehicleId),
      tokens: taskTokensWith(SECRET),
      slices: sliceSignerWith(SECRET),
      log: pino({ level: 'silent' }),
      now: Date.now,
    },
  );
  return {
    address: `127.0.0.1:${gateway.port}`,
    port: gateway.port,
    refused,
    failed,
    answered,
    close: async () => {
      await gateway.close();
      upstream.close();
    },
  };
}
