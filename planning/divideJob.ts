import { apportion } from '../domain/apportion.ts';

/** What a cell's newest plan says of a job. */
export interface JobOffer {
  /** What one more shard would cost there, EUR; null where no car of the cell could compute it. */
  readonly eurPerShard: number | null;
  /** Shards that it could take beside those that are its own. */
  readonly spareShards: number;
  /** Of its own, those that its plan does not finish in time. */
  readonly lateShards: number;
}

/** A cell that has, or could have, a share of a job. */
export interface CellBid {
  readonly cellId: string;
  /** Pending shards that are its own now. */
  readonly shards: number;
  /** What the last look at prices brought (+) or took (-); null before the first. */
  readonly moved: number | null;
  /** `silent`: it plans, and its plan does not know the job yet. `dead`: it has made no plan for some slots. */
  readonly word: JobOffer | 'silent' | 'dead';
}

export type CellShare = Pick<CellBid, 'cellId' | 'shards' | 'moved'>;

/** Prices closer than this are the same price: shards that move for less only make cells plan again. */
const PRICE_TOLERANCE = 0.02;
const STEADY_STEP_SHARE = 1 / 16;
/** A step on in the same direction, and one back. Twice on and once back makes less than a step, so that moves die down. */
const GROWTH = 1.5;
const RETREAT = 0.4;

interface Live {
  readonly bid: CellBid;
  readonly offer: JobOffer;
  shards: number;
  spare: number;
  moved: number | null;
}

/**
 * Divides the pending shards of one job among cells. What a dead cell has, and what a cell will not finish, goes where it
 * is cheapest and has room; while there is none of that, shards move from the dearest cell to the cheapest. A dual price
 * is that of one more shard, and tells nothing of the hundredth: so a move is at most half of what the dearest has, and
 * grows smaller whenever the price turns against it.
 * @returns a share for each bid, in their order, with as many shards together as before
 */
export function divideJob(bids: readonly CellBid[]): CellShare[] {
  const live = bids.flatMap((bid): Live[] =>
    typeof bid.word === 'string'
      ? []
      : [{ bid, offer: bid.word, shards: bid.shards, spare: bid.word.spareShards, moved: bid.moved }],
  );
  const isThereARefuge = live.some(({ offer }) => offer.eurPerShard !== null);
  if (isThereARefuge && !rescue(bids, live)) movePrices(live);
  return bids.map(({ cellId, shards, moved, word }) => {
    const found = live.find(({ bid }) => bid.cellId === cellId);
    if (found) return { cellId, shards: found.shards, moved: found.moved };
    return { cellId, shards: word === 'dead' && isThereARefuge ? 0 : shards, moved };
  });
}

/** @returns whether anything moved: prices are of before then, and wait for the next plans */
function rescue(bids: readonly CellBid[], live: readonly Live[]): boolean {
  const orphaned = bids.reduce((sum, { word, shards }) => sum + (word === 'dead' ? shards : 0), 0);
  const late = live.map(({ offer, shards }) => Math.min(shards, offer.lateShards));
  let loose = orphaned + late.reduce((sum, shards) => sum + shards, 0);
  if (loose === 0) return false;
  const before = live.map(({ shards }) => shards);
  for (const [index, cell] of live.entries()) cell.shards -= late[index] ?? 0;
  for (const cell of byPrice(live)) {
    const taken = Math.min(loose, cell.spare);
    cell.shards += taken;
    cell.spare -= taken;
    loose -= taken;
  }
  // Nobody has room: late shards stay, and orphans are shared by those that compute at all, who may yet gain cars.
  for (const [index, cell] of live.entries()) {
    const kept = Math.min(loose, late[index] ?? 0);
    cell.shards += kept;
    loose -= kept;
  }
  const able = live.filter(({ offer }) => offer.eurPerShard !== null);
  const rest = apportion(
    loose,
    able.map(({ shards, offer }) => shards + offer.spareShards),
  );
  for (const [index, cell] of able.entries()) cell.shards += rest[index] ?? 0;
  return live.some(({ shards }, index) => shards !== before[index]);
}

function movePrices(live: readonly Live[]): void {
  const cheapest = byPrice(live.filter(({ spare }) => spare > 0))[0];
  const dearest = byPrice(live.filter(({ shards }) => shards > 0)).at(-1);
  if (!cheapest || !dearest || cheapest === dearest) return;
  const [low, high] = [priceOf(cheapest), priceOf(dearest)];
  if (high - low <= PRICE_TOLERANCE * Math.max(Math.abs(low), Math.abs(high))) return;
  const shards = Math.min(dearest.shards, cheapest.spare, mayGive(dearest), mayTake(cheapest));
  dearest.moved = -shards;
  cheapest.moved = shards;
  // A zero that is negative would be another value in the database.
  if (shards === 0) dearest.moved = 0;
  dearest.shards -= shards;
  cheapest.shards += shards;
}

function mayGive({ moved, shards }: Live): number {
  if (moved === null) return Math.ceil(shards / 2);
  if (moved === 0) return Math.ceil(shards * STEADY_STEP_SHARE);
  return Math.floor(moved < 0 ? -moved * GROWTH : moved * RETREAT);
}

function mayTake({ moved }: Live): number {
  if (moved === null || moved === 0) return Number.POSITIVE_INFINITY;
  return Math.floor(moved > 0 ? moved * GROWTH : -moved * RETREAT);
}

/** The cheapest first, without those that cannot compute the job. */
function byPrice(live: readonly Live[]): Live[] {
  return live.filter(({ offer }) => offer.eurPerShard !== null).sort((a, b) => priceOf(a) - priceOf(b));
}

function priceOf({ offer }: Live): number {
  return offer.eurPerShard ?? Number.POSITIVE_INFINITY;
}
