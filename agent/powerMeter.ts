import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MeterConfig } from './agentConfig.ts';

const run = promisify(execFile);
const MICRO = 1e-6;
const TOOL_LIMIT_MS = 5_000;

/** Reads the computer's present power, W; the first reading of a register that only rises has none yet. */
export type ReadWatts = () => Promise<number | undefined>;

/**
 * Opens the meter that the config names.
 * @returns undefined for one that has no power of its own to read
 */
export function openPowerMeter(meter: MeterConfig, nowMs: () => number = Date.now): ReadWatts | undefined {
  if (meter.source === 'hwmon') {
    return async () => number(await readFile(meter.path, 'utf8'), meter.path) * MICRO;
  }
  if (meter.source === 'rapl') return raplMeter(meter.path, nowMs);
  if (meter.source === 'nvidia-smi') {
    const query = [`--id=${meter.gpu}`, '--query-gpu=power.draw', '--format=csv,noheader,nounits'];
    return async () => {
      const { stdout } = await run('nvidia-smi', query, { timeout: TOOL_LIMIT_MS });
      return number(stdout, 'nvidia-smi');
    };
  }
  return undefined;
}

/** Intel's and AMD's energy counter: it wraps around at `max_energy_range_uj`. */
function raplMeter(folder: string, nowMs: () => number): ReadWatts {
  let last: { readonly microjoules: number; readonly atMs: number } | undefined;
  const read = async (name: string): Promise<number> => number(await readFile(join(folder, name), 'utf8'), folder);
  return async () => {
    const before = last;
    last = { microjoules: await read('energy_uj'), atMs: nowMs() };
    if (!before || last.atMs <= before.atMs) return undefined;
    const risen = last.microjoules - before.microjoules;
    const microjoules = risen >= 0 ? risen : risen + (await read('max_energy_range_uj'));
    return (microjoules * MICRO) / ((last.atMs - before.atMs) / 1_000);
  };
}

function number(text: string, source: string): number {
  const value = Number(text.trim());
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new Error(`${source} gives ${JSON.stringify(text.trim().slice(0, 40))}, no power`);
  }
  return value;
}
