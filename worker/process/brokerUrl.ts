import { SERVICES_USER, SIMULATED_FLEET_USER, type BrokerPasswords } from '../../api/mqtt/brokerRights.ts';
import type { Config } from '../../config/config.ts';
import { keptSecret } from './keptSecret.ts';

type BrokerConfig = Pick<Config, 'mqtt' | 'stateDir'>;

/** The passwords of the embedded broker, which are made up for this state folder. */
export function brokerPasswordsOf({ stateDir }: Pick<Config, 'stateDir'>): BrokerPasswords {
  return {
    services: keptSecret(stateDir, 'mqtt-password'),
    simulatedFleet: keptSecret(stateDir, 'mqtt-fleet-password'),
  };
}

/** The broker with what our own processes open it with. */
export function brokerUrlOf(config: BrokerConfig): string {
  return config.mqtt.embedded
    ? withUser(config.mqtt.url, SERVICES_USER, brokerPasswordsOf(config).services)
    : config.mqtt.url;
}

/** The broker with what the simulated cars' telemetry server opens it with. */
export function fleetBrokerUrlOf(config: BrokerConfig): string {
  return config.mqtt.embedded
    ? withUser(config.mqtt.url, SIMULATED_FLEET_USER, brokerPasswordsOf(config).simulatedFleet)
    : config.mqtt.url;
}

function withUser(url: string, user: string, password: string): string {
  return url.replace('://', `://${user}:${password}@`);
}
