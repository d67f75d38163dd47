import { pino } from 'pino';
import { startGateway } from '../../api/gateway/server.ts';
import { openUpstream } from '../../api/gateway/upstream.ts';
import { taskTokensWith } from '../../api/gateway/taskTokens.ts';
import type { KeyedCar } from '../../store/carKeys.ts';
import { sliceSignerWith } from '../../store/sliceAccess.ts';
import { BENCH_FAMILY, BENCH_REGION, keyOf } from './cars.ts';

/** The gateway in a process of its own, as it runs; its cars are known without a database. */

interface GatewayRequest {
  readonly target: string;
  readonly namespace: string;
  readonly port: number;
  readonly cars: number;
}

const { target, namespace, port, cars }: GatewayRequest = JSON.parse(process.argv[2] ?? '{}');
const known = new Map<string, KeyedCar>();
for (let car = 0; car < cars; car++) {
  const vehicleId = `car-${car}`;
  const enrolled = { vehicleId, cellId: 'bench', regionId: BENCH_REGION, hardwareClass: 'ai4' };
  known.set(keyOf(car), { ...enrolled, modelFamilies: [BENCH_FAMILY] });
}
const upstream = await openUpstream({ address: target }, namespace);
const gateway = await startGateway(
  { host: '127.0.0.1', port, namespace, limits: { callsPerMinute: Infinity } },
  {
    upstream,
    carOfKey: async (key) => known.get(key),
    onRefused: (refusal) => console.error(refusal.message),
    onAttemptFailed: (_, message) => console.error(message),
    tokens: taskTokensWith('a secret of benches'),
    slices: sliceSignerWith('a secret of benches'),
    log: pino({ level: 'warn' }, pino.destination(2)),
    now: Date.now,
  },
);
process.send?.({ port: gateway.port });
process.on('message', () => process.send?.({ rssMb: process.memoryUsage().rss / 1024 ** 2, cpu: process.cpuUsage() }));
process.on('disconnect', () => process.exit(0));
