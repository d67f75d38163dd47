import { customIdOf } from '../../domain/batchLines.ts';
import type { PartReceipt } from '../../domain/shards.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import { inOrder } from '../jobs/shardParts.ts';
import { judgeShard } from '../jobs/verifyShard.ts';
import type { ShardRequests } from './trustedAnswers.ts';
import type { TrustPorts } from './trustPorts.ts';

/** What one car has answered of a shard, as its parts say it. */
export interface AnsweredShare {
  readonly vehicle: Vehicle;
  readonly receipts: readonly PartReceipt[];
  /** By line number. */
  readonly answers: ReadonlyMap<number, string>;
}

/** What each car has answered, each line by the one to whom it counts. */
export async function sharesOf(
  { database, objects }: Pick<TrustPorts, 'database' | 'objects'>,
  { jobId, shard, requests, split }: ShardRequests,
): Promise<AnsweredShare[]> {
  const vehicles = new Map<string, Vehicle | undefined>();
  const readOnce = async (vehicleId: string): Promise<Vehicle | undefined> => {
    if (!vehicles.has(vehicleId)) vehicles.set(vehicleId, await readVehicle(database, vehicleId));
    return vehicles.get(vehicleId);
  };
  const refusalOf = async (vehicleId: string): Promise<string | undefined> =>
    (await readOnce(vehicleId)) ? undefined : 'not enrolled';
  const customIds = requests.map(customIdOf);
  const { good, lines } = await judgeShard(objects, jobId, shard, customIds, refusalOf, split.generates);
  const linesOf = new Map(good.map((receipt, index) => [receipt, lines[index] ?? []]));
  const taken = new Set<number>();
  const shares = new Map<string, { receipts: PartReceipt[]; answers: Map<number, string> }>();
  for (const receipt of inOrder(good)) {
    const share = shares.get(receipt.vehicleId) ?? { receipts: [], answers: new Map<number, string>() };
    shares.set(receipt.vehicleId, share);
    share.receipts.push(receipt);
    for (const [offset, text] of linesOf.get(receipt)?.entries() ?? []) {
      const line = receipt.range.start + offset;
      if (!taken.has(line)) share.answers.set(line, text);
      taken.add(line);
    }
  }
  return [...shares].flatMap(([vehicleId, share]) => {
    const vehicle = vehicles.get(vehicleId);
    return vehicle && share.answers.size > 0 ? [{ vehicle, ...share }] : [];
  });
}
