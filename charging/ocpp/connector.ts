/**
 * What is known of a charge point's connector, from what it says. Pure: events in, state out. Meter registers are
 * Wh at the plug as the charge point counts them; `totalWh` only rises, so that a meter that is reset, or a message that
 * comes twice, never books energy twice.
 */
export interface ConnectorState {
  readonly online: boolean;
  readonly plug: 'plugged' | 'unplugged' | 'unknown';
  readonly isCharging: boolean;
  /** Null when the charge point does not say. */
  readonly powerKw: number | null;
  /** As the car told the charge point; null for most. */
  readonly socPercent: number | null;
  readonly transaction: Transaction | null;
  /** The register as it was last read. */
  readonly registerWh: number | null;
  /** Sum of its rises since the charge point was added. */
  readonly totalWh: number;
}

export interface Transaction {
  readonly id: string;
  /** Token of the driver; null when nobody identified. */
  readonly idToken: string | null;
}

export type ConnectorEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' }
  /** `isCharging` null: not said, as it was. */
  | { readonly kind: 'status'; readonly plug: ConnectorState['plug']; readonly isCharging: boolean | null }
  | { readonly kind: 'started'; readonly transaction: Transaction; readonly registerWh: number | null }
  | { readonly kind: 'metered'; readonly sample: MeterSample }
  | { readonly kind: 'ended'; readonly transactionId: string; readonly registerWh: number | null };

export interface MeterSample {
  readonly registerWh: number | null;
  readonly powerKw: number | null;
  readonly socPercent: number | null;
}

export const UNKNOWN_CONNECTOR: ConnectorState = {
  online: false,
  plug: 'unknown',
  isCharging: false,
  powerKw: null,
  socPercent: null,
  transaction: null,
  registerWh: null,
  totalWh: 0,
};

type EventOf<Kind extends ConnectorEvent['kind']> = Extract<ConnectorEvent, { kind: Kind }>;

const AFTER: { [Kind in ConnectorEvent['kind']]: (state: ConnectorState, event: EventOf<Kind>) => ConnectorState } = {
  connected: (state) => ({ ...state, online: true }),
  // The car is still where it was; what it draws is no longer known.
  disconnected: (state) => ({ ...state, online: false, powerKw: null }),
  status: (state, { plug, isCharging }) => afterStatus(state, plug, isCharging ?? state.isCharging),
  started: (state, { transaction, registerWh }) => ({ ...counted(state, registerWh), plug: 'plugged', transaction }),
  metered: (state, { sample: { registerWh, powerKw, socPercent } }) => ({
    ...counted(state, registerWh),
    powerKw: powerKw ?? state.powerKw,
    socPercent: socPercent ?? state.socPercent,
  }),
  ended: (state, { transactionId, registerWh }) =>
    state.transaction?.id === transactionId
      ? { ...counted(state, registerWh), isCharging: false, powerKw: 0, transaction: null }
      : // Said again, or of an earlier transaction: its energy was counted.
        counted(state, registerWh),
};

export function afterEvent<Kind extends ConnectorEvent['kind']>(
  state: ConnectorState,
  event: EventOf<Kind>,
): ConnectorState {
  return AFTER[event.kind](state, event);
}

function afterStatus(state: ConnectorState, plug: ConnectorState['plug'], isCharging: boolean): ConnectorState {
  return plug === 'unplugged'
    ? // A transaction whose end was lost has ended by then.
      { ...state, plug, isCharging: false, powerKw: 0, socPercent: null, transaction: null }
    : { ...state, plug, isCharging, powerKw: isCharging ? state.powerKw : 0 };
}

/** A register that has fallen was reset: what it shows is where counting goes on. */
function counted(state: ConnectorState, registerWh: number | null): ConnectorState {
  if (registerWh === null || !Number.isFinite(registerWh) || registerWh < 0) return state;
  const rise = state.registerWh === null ? 0 : Math.max(0, registerWh - state.registerWh);
  return { ...state, registerWh, totalWh: state.totalWh + rise };
}
