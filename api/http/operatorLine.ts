import { gridTimeMs } from '../../domain/clock.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { ApiPorts } from './ports.ts';

/** What an operator did by hand, as the journal has it: with the key, now. */
export function operatorLine(
  { cell, now }: Pick<ApiPorts, 'cell' | 'now'>,
  keyId: string,
  subject: string,
  message: string,
): JournalLine {
  return {
    atMs: Math.round(gridTimeMs(cell.clock, now())),
    kind: 'operator',
    subject,
    message: `${message} (key ${keyId})`,
  };
}
