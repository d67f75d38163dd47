import { createServer } from 'node:net';
import { NightshiftError } from '../../../domain/errors.ts';
import { CONFIG_KEYS, type ConfigKeyName } from '../../../config/keys.ts';
import { codeOf, messageOf } from '../../../domain/thrown.ts';

export interface PortClaim {
  readonly host: string;
  readonly port: number;
  /** The key that moves it. */
  readonly configKey: ConfigKeyName;
}

/**
 * Finds a busy port before anything is started, since the error of the process that meets it is buried in its log.
 * @throws NightshiftError `port_in_use`, or `invalid_config` when the system refuses the port for another reason
 */
export async function assertPortsFree(claims: readonly PortClaim[]): Promise<void> {
  for (const [index, claim] of claims.entries()) {
    const twin = claims.slice(0, index).find((earlier) => earlier.port === claim.port);
    if (twin !== undefined) {
      throw new NightshiftError(
        'invalid_config',
        `Port ${claim.port} is set for both ${twin.configKey} and ${claim.configKey}. ${remedy(claim)}`,
        { field: claim.configKey },
      );
    }
    await assertPortFree(claim);
  }
}

function assertPortFree(claim: PortClaim): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const where = `Port ${claim.port} on ${claim.host} (${claim.configKey})`;
      reject(
        codeOf(error) === 'EADDRINUSE'
          ? new NightshiftError('port_in_use', `${where} is in use by another program. Stop it, or ${remedy(claim)}`, {
              field: claim.configKey,
            })
          : new NightshiftError('invalid_config', `${where} cannot be used: ${messageOf(error)}. ${remedy(claim)}`, {
              field: claim.configKey,
              cause: error,
            }),
      );
    });
    probe.listen({ host: claim.host, port: claim.port, exclusive: true }, () => probe.close(() => resolve()));
  });
}

function remedy({ configKey }: PortClaim): string {
  return `set ${CONFIG_KEYS[configKey].env} (${configKey} in the config file) to a free port.`;
}
