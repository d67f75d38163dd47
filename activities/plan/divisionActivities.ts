import { MINUTE_MS } from '../../domain/durations.ts';
import type { DivisionActivities } from '../../domain/activities/divisionActivities.ts';
import type { Division } from '../../domain/workflows/jobDivision.ts';
import { grouped } from '../../domain/grouped.ts';
import { divideJob, type CellBid } from '../../planning/divideJob.ts';
import { readCell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { listOwnOpenJobs, pendingByCell } from '../../store/jobProgress.ts';
import {
  listCellsBeside,
  listOffers,
  listShares,
  saveShares,
  type CellBeside,
  type OfferOfCell,
  type StoredShare,
} from '../../store/jobShares.ts';

/** A cell that has made no plan for so long has died, or may as well have: jobs end 45 minutes before their deadlines. */
const DEAD_AFTER_SLOTS = 2;
const JOBS_IN_SUMMARY = 20;

interface JobToDivide {
  readonly jobId: string;
  readonly cellId: string;
  readonly pending: number;
}

export function createDivisionActivities({ database }: { readonly database: Database }): DivisionActivities {
  return {
    /** Divides the cell's open jobs among all cells that may run them, by what their newest plans say. */
    async divideJobs(request: { cellId: string; nowMs: number }): Promise<Division> {
      const { cellId, nowMs } = request;
      return database.transaction(async (tx) => {
        const cell = await readCell(tx, cellId);
        if (!cell) return { cells: [], summary: `Cell ${cellId} is not there.` };
        const cells = await listCellsBeside(tx, cellId);
        if (cells.length < 2) return { cells: [], summary: 'There is no other cell of the same clock and slots.' };
        const deadMs = nowMs - (DEAD_AFTER_SLOTS + 1) * cell.slotMinutes * MINUTE_MS;
        const isDead = ({ plannedMs }: CellBeside): boolean => (plannedMs ?? Number.NEGATIVE_INFINITY) <= deadMs;
        const jobs = (await listOwnOpenJobs(tx, cellId)).filter(({ paused }) => !paused);
        const ids = jobs.map(({ jobId }) => jobId);
        const offers = grouped(await listOffers(tx, ids), ({ jobId }) => jobId);
        const known = grouped(await listShares(tx, ids), ({ jobId }) => jobId);
        const changed: StoredShare[] = [];
        const told: string[] = [];
        for (const job of jobs) {
          const before = known.get(job.jobId) ?? [];
          const bids = bidsOf(job, cells, isDead, offers.get(job.jobId) ?? [], before);
          const shares = divideJob(bids);
          if (bids.length < 2) continue;
          told.push(`- ${job.jobId}: ${shares.map((share) => `${share.cellId} ${share.shards}`).join(', ')}`);
          const isSame = shares.every(({ shards }, index) => shards === bids[index]?.shards);
          if (isSame && before.length > 0) continue;
          changed.push(...shares.map((share) => ({ jobId: job.jobId, ...share })));
        }
        await saveShares(tx, changed);
        const dead = cells.filter(isDead).map(({ cellId: id }) => id);
        const summary = [
          `Pending shards by cell; ${dead.length === 0 ? 'all cells plan' : `no plans of late from ${dead.join(', ')}`}:`,
          ...told.slice(0, JOBS_IN_SUMMARY),
        ].join('\n');
        return { cells: [...new Set(changed.map((share) => share.cellId))], summary };
      });
    },
  };
}

/** Those that have a share, that offer, or that took the job. */
function bidsOf(
  { cellId: home, pending }: JobToDivide,
  cells: readonly CellBeside[],
  isDead: (cell: CellBeside) => boolean,
  offers: readonly OfferOfCell[],
  before: readonly StoredShare[],
): CellBid[] {
  const shards = new Map(pendingByCell(home, pending, before).map((share) => [share.cellId, share.shards]));
  return cells.flatMap((cell): CellBid[] => {
    const { cellId } = cell;
    const offer = offers.find((each) => each.cellId === cellId);
    const held = before.find((share) => share.cellId === cellId);
    if (cellId !== home && !held && !offer) return [];
    const moved = held?.moved ?? null;
    return [{ cellId, shards: shards.get(cellId) ?? 0, moved, word: isDead(cell) ? 'dead' : (offer ?? 'silent') }];
  });
}
