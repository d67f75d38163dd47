import { RPCClient } from 'ocpp-rpc';

interface Profile {
  readonly chargingProfilePurpose: string;
  readonly validTo?: string;
  readonly chargingSchedule: {
    readonly startSchedule?: string;
    readonly duration?: number;
    readonly chargingSchedulePeriod: readonly { readonly startPeriod: number; readonly limit: number }[];
  };
}

const VOLTS = 230;
const PHASES = 3;
const CAR_AMPS = 16;

/** A charger of the test's own (OCPP 1.6) that obeys its profiles, with a meter that runs when the test says so. */
export class TestChargePoint {
  meterWh = 100_000;
  readonly #connectorId: number;
  readonly #client: RPCClient;
  #isPlugged = false;
  #transactionId: number | undefined;
  #own: Profile | undefined;
  #standing: Profile | undefined;

  private constructor(client: RPCClient, connectorId: number) {
    this.#client = client;
    this.#connectorId = connectorId;
  }

  /** Connects, and again whenever the line is lost. */
  static async connect(endpoint: string, identity: string, password: string, connectorId: number) {
    const client = new RPCClient({
      endpoint,
      identity,
      password,
      protocols: ['ocpp1.6'],
      strictMode: true,
      backoff: { initialDelay: 200, maxDelay: 1_000 },
    } as ConstructorParameters<typeof RPCClient>[0]);
    const point = new TestChargePoint(client, connectorId);
    client.handle(async ({ method = '', params = {} }) => point.#obey(method, params as Record<string, unknown>));
    await client.connect();
    await client.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
    await point.#status();
    return point;
  }

  get isCharging(): boolean {
    return this.#transactionId !== undefined;
  }

  /** What the profiles allow now: the transaction's own while it holds, else the standing one. */
  get amps(): number {
    return limitOf(this.#own) ?? limitOf(this.#standing) ?? CAR_AMPS;
  }

  async plug(): Promise<void> {
    this.#isPlugged = true;
    await this.#status();
  }

  /** Draws for so long, at what is allowed now, and says what the meter shows. */
  async draw(hours: number): Promise<void> {
    const watts = this.#transactionId === undefined ? 0 : Math.min(this.amps, CAR_AMPS) * VOLTS * PHASES;
    this.meterWh += watts * hours;
    await this.#status();
    await this.#client.call('MeterValues', {
      connectorId: this.#connectorId,
      meterValue: [
        {
          timestamp: now(),
          sampledValue: [
            { value: this.meterWh.toFixed(1) },
            { value: watts.toFixed(0), measurand: 'Power.Active.Import', unit: 'W' },
          ],
        },
      ],
    });
  }

  async unplug(): Promise<void> {
    const transactionId = this.#transactionId;
    this.#transactionId = undefined;
    this.#own = undefined;
    if (transactionId !== undefined) {
      await this.#client.call('StopTransaction', {
        transactionId,
        meterStop: Math.round(this.meterWh),
        timestamp: now(),
      });
    }
    this.#isPlugged = false;
    await this.#status();
  }

  async close(): Promise<void> {
    await this.#client.close({ force: true });
  }

  async #obey(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (method === 'SetChargingProfile' && params['connectorId'] === this.#connectorId) {
      const profile = params['csChargingProfiles'] as Profile;
      if (profile.chargingProfilePurpose === 'TxProfile') this.#own = profile;
      else this.#standing = profile;
    }
    if (method === 'RemoteStartTransaction' && this.#isPlugged) void this.#start(String(params['idTag']));
    return { status: 'Accepted' };
  }

  async #start(idTag: string): Promise<void> {
    const answer = await this.#client.call('StartTransaction', {
      connectorId: this.#connectorId,
      idTag,
      meterStart: Math.round(this.meterWh),
      timestamp: now(),
    });
    this.#transactionId = (answer as { transactionId: number }).transactionId;
    await this.#status();
  }

  async #status(): Promise<void> {
    const charging = this.amps > 0 ? 'Charging' : 'SuspendedEVSE';
    const status = !this.#isPlugged ? 'Available' : this.isCharging ? charging : 'Preparing';
    const connectorId = this.#connectorId;
    await this.#client.call('StatusNotification', { connectorId, errorCode: 'NoError', status, timestamp: now() });
  }
}

/** Amperes that a profile allows now; undefined when it does not hold now. */
function limitOf(profile: Profile | undefined): number | undefined {
  if (!profile || (profile.validTo !== undefined && Date.now() > Date.parse(profile.validTo))) return undefined;
  const { startSchedule, duration = Infinity, chargingSchedulePeriod } = profile.chargingSchedule;
  const seconds = startSchedule === undefined ? 0 : (Date.now() - Date.parse(startSchedule)) / 1000;
  if (seconds > duration) return undefined;
  return chargingSchedulePeriod.findLast(({ startPeriod }) => startPeriod <= seconds + 1)?.limit;
}

function now(): string {
  return new Date().toISOString();
}
