import { readFile } from 'node:fs/promises';

/** Of the kernel's clock: the same on all machines that Linux runs on today. */
const TICKS_PER_SECOND = 100;

/**
 * Processor time that the process has had. On a machine that is busy with other work, ratios of it say what ratios of
 * wall time say on a quiet one.
 * @throws Error where the system does not tell: it is read from /proc
 */
export async function cpuSecondsOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
