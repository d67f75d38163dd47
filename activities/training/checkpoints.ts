import { objectKeys } from '../../domain/names.ts';
import type { Strategy } from '../../domain/training.ts';
import { bytesFromFloats, floatsFromBytes } from '../../training/floats.ts';
import { momentsOf, type ServerState } from '../../training/strategies/serverStep.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

export async function readCheckpoint(
  objects: Pick<ObjectStore, 'get'>,
  runId: string,
  version: number,
  strategy: Strategy,
): Promise<ServerState> {
  const all = floatsFromBytes(await objects.get(objectKeys.checkpoint(runId, version)));
  const lists = 1 + momentsOf(strategy);
  const length = all.length / lists;
  const [weights = new Float32Array(), ...moments] = Array.from({ length: lists }, (_, list) =>
    all.slice(list * length, (list + 1) * length),
  );
  return { weights, moments };
}

export async function writeCheckpoint(
  objects: Pick<ObjectStore, 'put'>,
  runId: string,
  version: number,
  { weights, moments }: ServerState,
): Promise<void> {
  const body = Buffer.concat([weights, ...moments].map(bytesFromFloats));
  await objects.put(objectKeys.checkpoint(runId, version), body);
}
