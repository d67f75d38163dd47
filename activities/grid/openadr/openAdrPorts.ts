import type { Database } from '../../../store/database.ts';
import type { Seal } from '../../../store/seal.ts';
import type { EmergencyShed } from '../emergencyShed.ts';
import type { VtnClientLimits } from './vtnClient.ts';

/** Where a server offers to tell of changes over MQTT. */
export interface MqttOffer {
  readonly uris: readonly string[];
  readonly topics: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface OpenAdrPorts {
  readonly database: Database;
  readonly seal: Seal;
  readonly shed: EmergencyShed;
  /** Real time. */
  readonly now: () => number;
  /**
   * Listens for hints, or stops when there is nothing to listen to.
   * @returns why it does not listen, or null when it does
   */
  readonly listen: (connectionId: string, offer: MqttOffer | undefined) => string | null;
  readonly limits?: VtnClientLimits;
}
