import type { CaughtCar, TrustActivities } from '../../domain/activities/trustActivities.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { requestLinesOf } from '../../domain/batchLines.ts';
import { CANARY_POLICY, isCanary } from '../../domain/trust/canaries.ts';
import { policyFor } from '../../domain/trust/checkPolicy.ts';
import { canaryPlaces } from '../../domain/trust/mixedSlice.ts';
import { sliceOf } from '../../domain/trust/quorum.ts';
import { acceptedParts } from '../../store/acceptedShards.ts';
import { listCheckPolicies } from '../../store/checkPolicies.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { readSliceKey } from '../../store/sliceKeys.ts';
import { readSlice } from '../../store/slices.ts';
import { sharesOf } from './answeredShares.ts';
import { checkCar } from './checkCar.ts';
import { settleQuorum } from './settleQuorum.ts';
import type { ShardRequests } from './trustedAnswers.ts';
import type { TrustPorts } from './trustPorts.ts';

type CheckRequest = Parameters<TrustActivities['checkShards']>[0];

export async function checkShards(ports: TrustPorts, request: CheckRequest): Promise<CaughtCar[]> {
  const { database } = ports;
  const { jobId, split, cellId } = request;
  const tenantId = split.tenant?.id ?? DEFAULT_TENANT;
  const scope = { tenantId, modelName: split.model.name };
  const policy = isCanary(tenantId) ? CANARY_POLICY : policyFor(await listCheckPolicies(database), scope);
  const { quorum = 1 } = split;
  // A quorum that a batch asks for is settled, whatever is checked besides.
  if (!policy.enabled && quorum === 1) return [];
  const accepted = await acceptedParts(database, jobId);
  const wanted = request.shards ?? Array.from({ length: split.shards }, (_, shard) => shard);
  const caught: CaughtCar[] = [];
  const take = (vehicleId: string, quarantineId: number | undefined): void => {
    if (quarantineId !== undefined) caught.push({ vehicleId, quarantineId });
  };
  for (const shard of wanted.filter((each) => policy.enabled && !accepted.has(each))) {
    const requests = await requestsOf(ports, request, shard);
    if (!requests) continue;
    for (const share of await sharesOf(ports, requests)) {
      take(share.vehicle.id, await checkCar(ports, cellId, requests, share, policy));
    }
  }
  if (quorum === 1) return caught;
  for (const slice of new Set(wanted.map((shard) => sliceOf(split, shard)))) {
    // With the batch at its end, nobody else answers any more.
    const settling = { slice, isLast: request.shards === null };
    const readRequests = (shard: number) => requestsOf(ports, request, shard);
    for (const { vehicleId, quarantineId } of await settleQuorum(
      ports,
      { split, cellId, policy, readRequests },
      settling,
    )) {
      take(vehicleId, quarantineId);
    }
  }
  return caught;
}

async function requestsOf(
  { objects }: TrustPorts,
  { jobId, split }: CheckRequest,
  shard: number,
): Promise<ShardRequests | undefined> {
  const slice = await unlessNotFound(readSlice(objects, jobId, shard, split));
  if (!slice) return undefined;
  const canaries = canaryPlaces(await readSliceKey(objects, split, jobId, sliceOf(split, shard)));
  return { jobId, shard, split, requests: requestLinesOf(slice), canaries };
}
