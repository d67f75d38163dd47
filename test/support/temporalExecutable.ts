import { loadConfig } from '../../config/config.ts';
import { provisionTemporal } from '../../worker/local/temporal/provision.ts';

/**
 * The Temporal server that the product would start on this machine, provisioned as it would. The first time takes
 * minutes where the server has to be built.
 */
export function temporalExecutable(): Promise<string> {
  const config = loadConfig({ env: { ...process.env, TEMPORAL_ADDRESS: '' }, cwd: process.cwd() });
  return provisionTemporal(config, report, new AbortController().signal);
}

function report(line: string): void {
  process.stderr.write(`temporal: ${line}\n`);
}
