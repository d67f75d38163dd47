import { at } from '../columns.ts';
import type { CompiledProblem } from '../compile.ts';

/** What is left of the shared limits while setpoints are placed one after the other. */
export interface Headroom {
  /** kW that may still be added on the feeder in the slot: import limits and ramp. */
  readonly availableKw: (feeder: number, slot: number) => number;
  /** Adds a load, or takes one back when negative. */
  readonly add: (feeder: number, slot: number, kw: number) => void;
}

/** Sums of many loads may pass a limit by rounding; a watt-thousandth is no load. */
const ROUNDING_KW = 1e-9;

/**
 * @param maxRampUpKwPerSlot rise of a feeder's car load from one slot to the next; undefined for no limit. Loads only
 *   grow while a ramp limit holds, so a slot that was admitted stays admitted.
 */
export function createHeadroom(problem: CompiledProblem, maxRampUpKwPerSlot: number | undefined): Headroom {
  const { slots, feederCapKw, substationCapKw, substationOfFeeder } = problem;
  const feederLoadKw = new Float64Array(feederCapKw.length);
  const substationLoadKw = new Float64Array(substationCapKw.length);
  return {
    availableKw: (feeder, slot) => {
      const cell = feeder * slots + slot;
      let left = at(feederCapKw, cell) - at(feederLoadKw, cell);
      const substation = substationOfFeeder[feeder] ?? -1;
      if (substation >= 0) {
        const stationCell = substation * slots + slot;
        left = Math.min(left, at(substationCapKw, stationCell) - at(substationLoadKw, stationCell));
      }
      if (maxRampUpKwPerSlot !== undefined && slot > 0) {
        left = Math.min(left, at(feederLoadKw, cell - 1) + maxRampUpKwPerSlot - at(feederLoadKw, cell));
      }
      return left > ROUNDING_KW ? left : 0;
    },
    add: (feeder, slot, kw) => {
      feederLoadKw[feeder * slots + slot] = at(feederLoadKw, feeder * slots + slot) + kw;
      const substation = substationOfFeeder[feeder] ?? -1;
      if (substation >= 0) {
        const cell = substation * slots + slot;
        substationLoadKw[cell] = at(substationLoadKw, cell) + kw;
      }
    },
  };
}
