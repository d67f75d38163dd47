import type { CaughtCar } from '../../domain/activities/trustActivities.ts';
import { toleranceUnder, type CheckPolicy } from '../../domain/trust/checkPolicy.ts';
import { linesOfSlice, shardsOfSlice } from '../../domain/trust/quorum.ts';
import { disputedLines } from '../../domain/trust/votes.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { listMeasuredNoise } from '../../store/measuredNoise.ts';
import { isQuarantined } from '../../store/quarantines.ts';
import { sharesOf, type AnsweredShare } from './answeredShares.ts';
import { checkCar } from './checkCar.ts';
import type { ShardRequests } from './trustedAnswers.ts';
import type { TrustPorts } from './trustPorts.ts';

interface QuorumOf {
  readonly split: SplitBatch;
  readonly cellId: string;
  readonly policy: CheckPolicy;
  /** @returns undefined when nobody knows the shard's requests any more */
  readonly readRequests: (shard: number) => Promise<ShardRequests | undefined>;
}

/**
 * Where all cars of a quorum have answered a slice and do not agree, a trusted computer answers the lines in dispute; what
 * differs from it is corrected and held against its car.
 * @param settling.isLast too few cars have answered, and no more will: then the trusted computer stands for those missing
 * @returns the cars that were caught
 */
export async function settleQuorum(
  ports: TrustPorts,
  { split, cellId, policy, readRequests }: QuorumOf,
  { slice, isLast }: { readonly slice: number; readonly isLast: boolean },
): Promise<CaughtCar[]> {
  const { database } = ports;
  const { quorum = 1, model } = split;
  const lines = linesOfSlice(split, slice);
  const answered: { readonly requests: ShardRequests; readonly share: AnsweredShare }[] = [];
  for (const shard of shardsOfSlice(split, slice)) {
    const requests = await readRequests(shard);
    const shares = requests ? await sharesOf(ports, requests) : [];
    let missing = lines;
    for (const share of shares) {
      // What it has answered is computed by another car.
      if (await isQuarantined(database, share.vehicle.id)) continue;
      missing -= share.answers.size;
      if (requests) answered.push({ requests, share });
    }
    if (missing > 0 && !isLast) return [];
  }
  const measured = (await listMeasuredNoise(database, model.sha256)).map(({ noise }) => noise);
  const votes = answered.map(({ share }) => ({ ownerId: share.vehicle.ownerId, answers: share.answers }));
  const disputed = disputedLines(votes, { lines, quorum, tolerance: toleranceUnder(policy, measured) });
  const caught: CaughtCar[] = [];
  for (const { requests, share } of answered) {
    const own = disputed.filter((line) => share.answers.has(line));
    if (own.length === 0) continue;
    const quarantineId = await checkCar(ports, cellId, requests, share, policy, own);
    if (quarantineId !== undefined) caught.push({ vehicleId: share.vehicle.id, quarantineId });
  }
  return caught;
}
