import { readFileSync } from 'node:fs';

/** Linux's letter for what the process does now (R, S, T stopped, Z zombie), or undefined when it is gone. */
export function processState(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0];
  } catch {
    return undefined;
  }
}
