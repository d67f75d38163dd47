import type { Client } from '@temporalio/client';
import type { VenStarter } from '../../api/http/ports.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { Cell } from '../../store/cells.ts';
import { startVen } from '../process/startVen.ts';

/** Starts `openAdrVen` workflows, and hands hints on to those that run. */
export function venStarterOver(client: Client, cell: Cell): VenStarter {
  return {
    async hint(connectionId) {
      try {
        await startVen(client, cell, connectionId);
      } catch (cause) {
        throw new NightshiftError('unavailable', 'Temporal does not answer.', { cause });
      }
    },
  };
}
