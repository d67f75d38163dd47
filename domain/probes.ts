import type { HardwareClassSpec } from './hardwareClasses.ts';

/** What an agent's probe measured on its computer. */
export interface Probe {
  readonly gflops: number;
  /** Null: its power is not metered. */
  readonly watts: number | null;
  readonly provider: string;
}

export interface ProbeQuestion {
  readonly probe: Probe;
  readonly classes: readonly HardwareClassSpec[];
  /** What it is enrolled as. */
  readonly hardwareClass: string;
  /** What other cars of that class have measured. */
  readonly gflopsOfOthers: readonly number[];
}

export interface ProbeVerdict {
  /** In words, each with its figures; empty when the computer is as it is enrolled. */
  readonly findings: readonly string[];
  /** Of the classes whose speed is known. */
  readonly nearestClass: string | undefined;
}

/** One computer of a class may be slower or faster than another by this factor: clocks, memory, drivers. */
const SPEED_TOLERANCE = 2;
/** Power differs less: a computer that draws far less than its class is paid for energy that it does not use. */
const POWER_TOLERANCE = 1.6;
/** One other car may be the one that is wrong. */
const MIN_OTHERS = 3;

/** Holds what was measured against the class that is claimed. What nobody knows is not held against anybody. */
export function judgeProbe({ probe, classes, hardwareClass, gflopsOfOthers }: ProbeQuestion): ProbeVerdict {
  const spec = classes.find(({ id }) => id === hardwareClass);
  const findings: string[] = [];
  const expectedGflops =
    spec?.probeGflops ?? (gflopsOfOthers.length >= MIN_OTHERS ? medianOf(gflopsOfOthers) : undefined);
  if (expectedGflops !== undefined && ratioOf(probe.gflops, expectedGflops) > SPEED_TOLERANCE) {
    findings.push(`It computes ${probe.gflops.toFixed(1)} GFLOP/s, the class ${expectedGflops.toFixed(1)}.`);
  }
  const expectedWatts = (spec?.chipKw ?? 0) * 1_000;
  if (probe.watts !== null && expectedWatts > 0 && ratioOf(probe.watts, expectedWatts) > POWER_TOLERANCE) {
    findings.push(`It draws ${probe.watts.toFixed(0)} W, the class ${expectedWatts.toFixed(0)} W.`);
  }
  return { findings, nearestClass: nearestClass(probe, classes) };
}

function nearestClass(probe: Probe, classes: readonly HardwareClassSpec[]): string | undefined {
  const distances = classes.flatMap(({ id, probeGflops, chipKw }) => {
    if (probeGflops === null) return [];
    const power = probe.watts ? Math.log(ratioOf(probe.watts, chipKw * 1_000)) : 0;
    return [{ id, distance: Math.log(ratioOf(probe.gflops, probeGflops)) + power }];
  });
  return distances.sort((a, b) => a.distance - b.distance)[0]?.id;
}

/** How many times the larger is the smaller; Infinity when one is 0. */
function ratioOf(a: number, b: number): number {
  return Math.max(a, b) / Math.min(a, b);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
