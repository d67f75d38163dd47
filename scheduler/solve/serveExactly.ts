import { at } from '../columns.ts';
import type { LaidOutBlock } from './blocks.ts';
import type { Relaxation } from './relaxation.ts';

/**
 * Raises and lowers what gates draw by what the jobs lack or have too much, so that each gets its shards exactly where
 * gates have room.
 * @param drawn quanta by block and (gate, job), which are changed
 */
export function serveExactly(
  { problem }: Relaxation,
  laidOut: readonly LaidOutBlock[],
  drawn: readonly Float64Array[],
  quantaPerKw: number,
): void {
  const jobs = problem.jobs.length;
  for (const [j, job] of problem.jobs.entries()) {
    const perQuantum = (block: LaidOutBlock, gate: number): number =>
      at(block.gateShards, gate * jobs + j) / at(block.gatePlugKw, gate) / quantaPerKw;
    let done = 0;
    for (const [b, block] of laidOut.entries()) {
      const quanta = drawn[b] ?? new Float64Array();
      for (let g = 0; g < block.gateCostEurPerKwh.length; g++) done += at(quanta, g * jobs + j) * perQuantum(block, g);
    }
    if (done > job.shards) {
      for (const quanta of drawn) {
        for (let k = j; k < quanta.length; k += jobs) quanta[k] = (at(quanta, k) * job.shards) / done;
      }
      continue;
    }
    // Gates in which the job has a part already are as cheap as any; the others come after them.
    for (const isIn of [true, false]) {
      const rooms: {
        readonly quanta: Float64Array;
        readonly cell: number;
        readonly room: number;
        readonly per: number;
      }[] = [];
      let room = 0;
      for (const [b, block] of laidOut.entries()) {
        const quanta = drawn[b] ?? new Float64Array();
        for (let g = 0; g < block.gateCostEurPerKwh.length; g++) {
          const per = perQuantum(block, g);
          if (per <= 0 || at(quanta, g * jobs + j) > 0 !== isIn) continue;
          let left = at(block.block.gateCapacity, g);
          for (let i = 0; i < jobs; i++) left -= at(quanta, g * jobs + i);
          if (left <= 0) continue;
          rooms.push({ quanta, cell: g * jobs + j, room: left, per });
          room += left * per;
        }
      }
      const part = room > 0 ? Math.min(1, (job.shards - done) / room) : 0;
      for (const { quanta, cell, room: left, per } of rooms) {
        quanta[cell] = at(quanta, cell) + part * left;
        done += part * left * per;
      }
      if (job.shards - done <= 1e-12 * job.shards) break;
    }
  }
}
