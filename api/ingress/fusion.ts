import { SOC_FIELDS, socPercentOf, type FusedState } from './fusedState.ts';
import type { FieldName, FieldValue } from './parseField.ts';
import { motionSigns, plugSigns, type PlugSign } from './plugSigns.ts';

/** Times are grid time. */
export interface FusionRules {
  /** A car is offline only when no socket has been open for this long: sockets are replaced within a second. */
  readonly debounceMs: number;
  /** Two resend intervals: a server that was killed never says that its sockets are closed. */
  readonly silenceMs: number;
  /** A live sign older than this starts nothing. */
  readonly freshMs: number;
  /** How long a single sign of leaving may stand alone before the other signs decide. */
  readonly doubtMs: number;
}

export const FUSION_RULES: FusionRules = {
  debounceMs: 5_000,
  silenceMs: 600_000,
  freshMs: 600_000,
  doubtMs: 600_000,
};

export type FusionInput =
  | { readonly kind: 'field'; readonly name: FieldName; readonly value: FieldValue; readonly retained: boolean }
  | {
      readonly kind: 'connectivity';
      readonly connectionId: string;
      readonly status: 'CONNECTED' | 'DISCONNECTED' | 'UNKNOWN';
      readonly retained: boolean;
    }
  /** Nothing came; time passes. */
  | { readonly kind: 'tick' };

export type FusionEvent = { readonly atMs: number } & (
  | { readonly kind: 'pluggedIn'; readonly signs: readonly PlugSign[] }
  /** Something says that the car leaves; nothing new may start on it until `confirmed` or `unplugged`. */
  | { readonly kind: 'doubted'; readonly signs: readonly PlugSign[] }
  | { readonly kind: 'confirmed'; readonly signs: readonly PlugSign[] }
  | {
      readonly kind: 'unplugged';
      readonly why: 'signs' | 'unconfirmed';
      readonly signs: readonly PlugSign[];
    }
  | { readonly kind: 'departed' }
  | { readonly kind: 'online' }
  | { readonly kind: 'offline'; readonly why: 'disconnected' | 'silent' }
  | { readonly kind: 'socChanged'; readonly socPercent: number }
);

const MAX_CONNECTION_IDS = 8;
const SIGNS_TO_DECIDE = 2;

/**
 * Takes one message or tick of a car, received at the grid time `atMs`, into what is known of it. Messages may come
 * twice, late and in any order; silence is neither offline nor unplugged, until no socket is open.
 * @returns the state that was given, itself, when nothing is new.
 */
export function fuse(
  state: FusedState,
  input: FusionInput,
  atMs: number,
  rules: FusionRules = FUSION_RULES,
): { readonly state: FusedState; readonly events: readonly FusionEvent[] } {
  const events: FusionEvent[] = [];
  const received = receive(state, input, atMs);
  const connected = settleConnection(received, atMs, rules, events);
  const settled = settlePlug(state, connected, atMs, rules, events);
  const socPercent = socPercentOf(settled);
  if (socPercent !== null && socPercent !== socPercentOf(state)) events.push({ kind: 'socChanged', atMs, socPercent });
  return { state: settled, events };
}

function receive(state: FusedState, input: FusionInput, atMs: number): FusedState {
  if (input.kind === 'tick') return state;
  const contactAtMs = input.retained ? state.contactAtMs : Math.max(state.contactAtMs, atMs);
  if (input.kind === 'connectivity') {
    const isAnew = input.status === 'CONNECTED' && !input.retained;
    const silentIds = isAnew ? [] : state.silentIds.filter((id) => id !== input.connectionId);
    return { ...state, contactAtMs, connectionIds: openConnections(state.connectionIds, input), silentIds };
  }
  const { name, value, retained } = input;
  const known = state.values[name];
  // What we have heard live is as new as what the broker kept of it.
  if (retained && known?.value === value) return state;
  const reading = { value, atMs, live: !retained };
  // Invalid now is not unknown: a car whose SoC is null would be planned as empty and charged at any price.
  const values = value === null && isOnlySoc(state, name) ? state.values : { ...state.values, [name]: reading };
  // It speaks on a socket that we gave up: a broker that was away for long is followed by no new CONNECTED.
  if (!retained && state.silentIds.length > 0) {
    return { ...state, contactAtMs, values, connectionIds: state.silentIds, silentIds: [] };
  }
  return { ...state, contactAtMs, values };
}

function isOnlySoc({ values }: FusedState, name: FieldName): boolean {
  const other = SOC_FIELDS.find((field) => field !== name);
  return SOC_FIELDS.some((field) => field === name) && typeof (other && values[other]?.value) !== 'number';
}

function openConnections(
  connectionIds: readonly string[],
  { connectionId, status }: Extract<FusionInput, { kind: 'connectivity' }>,
): string[] {
  const others = connectionIds.filter((id) => id !== connectionId);
  // The old socket's DISCONNECTED may come after the new one's CONNECTED: it closes only its own.
  if (status === 'DISCONNECTED') return others;
  return status === 'CONNECTED' ? [...others, connectionId].slice(-MAX_CONNECTION_IDS) : [...connectionIds];
}

function settleConnection(state: FusedState, atMs: number, rules: FusionRules, events: FusionEvent[]): FusedState {
  const isOpen = state.connectionIds.length > 0;
  if (isOpen && atMs - state.contactAtMs > rules.silenceMs) {
    if (state.online) events.push({ kind: 'offline', atMs, why: 'silent' });
    return {
      ...state,
      connectionIds: [],
      silentIds: [...state.silentIds, ...state.connectionIds].slice(-MAX_CONNECTION_IDS),
      online: false,
      disconnectedAtMs: null,
    };
  }
  if (isOpen) {
    if (state.online && state.disconnectedAtMs === null) return state;
    if (!state.online) events.push({ kind: 'online', atMs });
    return { ...state, online: true, disconnectedAtMs: null };
  }
  if (!state.online) return state;
  if (state.disconnectedAtMs === null) return { ...state, disconnectedAtMs: atMs };
  if (atMs - state.disconnectedAtMs < rules.debounceMs) return state;
  events.push({ kind: 'offline', atMs, why: 'disconnected' });
  return { ...state, online: false, disconnectedAtMs: null };
}

function settlePlug(
  before: FusedState,
  state: FusedState,
  atMs: number,
  rules: FusionRules,
  events: FusionEvent[],
): FusedState {
  const settled =
    state.plug === 'away' ? settleAway(state, atMs, rules, events) : settleStay(before, state, atMs, rules, events);
  if (hasDeparted(settled) && !hasDeparted(before)) events.push({ kind: 'departed', atMs });
  return settled;
}

function hasDeparted(state: FusedState): boolean {
  return state.plug === 'away' && motionSigns(state).length > 0;
}

function settleAway(state: FusedState, atMs: number, rules: FusionRules, events: FusionEvent[]): FusedState {
  if (motionSigns(state).length > 0) return state;
  const fresh = plugSigns(state).filter(({ reading }) => reading.live && atMs - reading.atMs <= rules.freshMs);
  const evidence = fresh.filter(({ says }) => says === 'plugged');
  if (evidence.length < SIGNS_TO_DECIDE || evidence.length <= fresh.length - evidence.length) return state;
  events.push({ kind: 'pluggedIn', atMs, signs: evidence });
  return { ...state, plug: 'plugged', doubtedAtMs: null };
}

function settleStay(
  before: FusedState,
  state: FusedState,
  atMs: number,
  rules: FusionRules,
  events: FusionEvent[],
): FusedState {
  const signs = plugSigns(state);
  const leaving = signs.filter(({ says }) => says === 'unplugged');
  const staying = signs.filter(({ says }) => says === 'plugged');
  if (leaving.length >= SIGNS_TO_DECIDE && leaving.some(({ reading }) => reading.live)) {
    events.push({ kind: 'unplugged', atMs, why: 'signs', signs: leaving });
    return { ...state, plug: 'away', doubtedAtMs: null };
  }

  if (state.plug === 'plugged') {
    // A sign that was there before and is only sent again is a lost signal, no news.
    const known = new Set(
      plugSigns(before).flatMap((sign) => (sign.reading.live ? [`${sign.field} ${sign.says}`] : [])),
    );
    const news = leaving.filter(({ field, says, reading }) => reading.live && !known.has(`${field} ${says}`));
    if (news.length === 0) return state;
    events.push({ kind: 'doubted', atMs, signs: news });
    return { ...state, plug: 'doubted', doubtedAtMs: atMs };
  }

  const doubtedAtMs = state.doubtedAtMs ?? atMs;
  const since = staying.filter(({ reading }) => reading.live && reading.atMs > doubtedAtMs).length;
  const outnumbered = staying.length >= SIGNS_TO_DECIDE && staying.length > leaving.length;
  const timeIsUp = atMs - doubtedAtMs >= rules.doubtMs;
  if (outnumbered && since >= (timeIsUp ? 1 : SIGNS_TO_DECIDE)) {
    events.push({ kind: 'confirmed', atMs, signs: staying });
    return { ...state, plug: 'plugged', doubtedAtMs: null };
  }
  if (!timeIsUp) return state;
  events.push({ kind: 'unplugged', atMs, why: 'unconfirmed', signs: leaving });
  return { ...state, plug: 'away', doubtedAtMs: null };
}
