import { createHash, timingSafeEqual } from 'node:crypto';
import { topics } from '../../domain/names.ts';

/** What a client of the broker may do, and who is told when it does more. */
export interface BrokerRights {
  /** Undefined for our own processes, which are not held to a rate. */
  readonly carId?: string;
  mayConnectAs(clientId: string): boolean;
  mayPublish(topic: string): boolean;
  /** @param filter may hold wildcards */
  maySubscribe(filter: string): boolean;
}

/** @returns undefined when nobody is known by that name and password @throws when that cannot be told now */
export type AdmitClient = (username: string, password: string) => Promise<BrokerRights | undefined>;

export interface BrokerAccessPorts {
  /** Base of the telemetry dispatcher's topics. */
  readonly telemetryBase: string;
  readonly passwords: BrokerPasswords;
  /** The car that a key is the key of. */
  readonly carOfKey: (key: string) => Promise<{ readonly vehicleId: string } | undefined>;
}

export interface BrokerPasswords {
  readonly services: string;
  readonly simulatedFleet: string;
}

export const SERVICES_USER = 'nightshift';
export const SIMULATED_FLEET_USER = 'simulated-fleet';

/** Admits our processes, the simulated cars' telemetry server, and each car by its id and its key. */
export function brokerAccess({ telemetryBase, passwords, carOfKey }: BrokerAccessPorts): AdmitClient {
  return async (username, password) => {
    if (username === SERVICES_USER && isSame(password, passwords.services)) return SERVICE_RIGHTS;
    if (username === SIMULATED_FLEET_USER && isSame(password, passwords.simulatedFleet)) {
      return fleetRights(telemetryBase);
    }
    const car = await carOfKey(password);
    return car?.vehicleId === username ? carRights(username, telemetryBase) : undefined;
  };
}

export const SERVICE_RIGHTS: BrokerRights = {
  mayConnectAs: (clientId) => !isCarsClientId(clientId),
  mayPublish: () => true,
  maySubscribe: () => true,
};

/** A car hears its own orders and says what it measures; it gives itself no orders. */
export function carRights(carId: string, telemetryBase: string): BrokerRights {
  const telemetry = `${telemetryBase}/${carId}/`;
  const says = new Set([
    topics.meter(carId),
    topics.computeMeter(carId),
    topics.agentConnectivity(carId),
    topics.fetchedModel(carId),
    topics.answered(carId),
  ]);
  return {
    carId,
    // Whoever takes another's client id cuts it off, and may inherit what it had subscribed to.
    mayConnectAs: (clientId) => clientId === `car-${carId}` || clientId === `check-${carId}`,
    mayPublish: (topic) => says.has(topic) || topic.startsWith(telemetry),
    // An id holds neither wildcards nor slashes: whatever follows the prefix matches topics of this car alone.
    maySubscribe: (filter) => filter.startsWith(`nightshift/${carId}/`) || filter.startsWith(telemetry),
  };
}

/** The telemetry server of all simulated cars, which are also their own chargers. */
function fleetRights(telemetryBase: string): BrokerRights {
  const hears = new Set([topics.setpoints('+'), topics.shed('+'), topics.wake('+')]);
  return {
    mayConnectAs: (clientId) => !isCarsClientId(clientId),
    mayPublish: (topic) => topic.startsWith(`${telemetryBase}/`) || /^nightshift\/[^/]+\/meter$/.test(topic),
    maySubscribe: (filter) => hears.has(filter),
  };
}

function isCarsClientId(clientId: string): boolean {
  return clientId.startsWith('car-') || clientId.startsWith('check-');
}

function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
