import type { FusedState, Reading } from './fusedState.ts';
import type { FieldName } from './parseField.ts';

/** What one field says about the plug. */
export interface PlugSign {
  readonly field: FieldName;
  readonly says: 'plugged' | 'unplugged';
  readonly reading: Reading;
}

type Verdict = (value: Reading['value']) => PlugSign['says'] | undefined;

// Below it, a charger's idle losses are no charging.
const MIN_CHARGING_KW = 0.1;

const PLUGGED: PlugSign['says'] = 'plugged';
const UNPLUGGED: PlugSign['says'] = 'unplugged';

/** Any single one may be wrong or lost: about one car in 200 a day sends power and "Disconnected" at once. */
const VERDICTS = {
  DetailedChargeState: byName({
    Disconnected: UNPLUGGED,
    NoPower: PLUGGED,
    Starting: PLUGGED,
    Charging: PLUGGED,
    Complete: PLUGGED,
    Stopped: PLUGGED,
  }),
  ChargePortLatch: byName({ Engaged: PLUGGED, Disengaged: UNPLUGGED }),
  // SNA is "not available", and a plugged car that does not charge has no power: neither says that it left.
  ChargingCableType: byName({ IEC: PLUGGED, SAE: PLUGGED, GB_AC: PLUGGED, GB_DC: PLUGGED }),
  ACChargingPower: (value) => (typeof value === 'number' && value > MIN_CHARGING_KW ? PLUGGED : undefined),
} as const satisfies Partial<Record<FieldName, Verdict>>;

const SIGN_FIELDS = ['DetailedChargeState', 'ChargePortLatch', 'ChargingCableType', 'ACChargingPower'] as const;

/**
 * What each field says; a car that drives says that it is unplugged. "Plugged" means at the plug that it is enrolled with: at
 * another one it is nobody's load here, charges as its owner says, and gets no work.
 */
export function plugSigns(state: FusedState): PlugSign[] {
  const signs = SIGN_FIELDS.flatMap((field): PlugSign[] => {
    const reading = state.values[field];
    const says = reading && VERDICTS[field](reading.value);
    return says ? [{ field, says, reading }] : [];
  });
  const elsewhere = signOfElsewhere(state);
  if (!elsewhere) return [...signs, ...motionSigns(state)];
  return [elsewhere, ...signs.filter(({ says }) => says === UNPLUGGED), ...motionSigns(state)];
}

/**
 * A position, where the site of the plug is known, is more than the car's own word of its home: its plug here may be at
 * work, and its owner may have moved.
 */
function signOfElsewhere({ values }: FusedState): PlugSign | undefined {
  const { Location: location, LocatedAtHome: home } = values;
  if (location?.value === 'here') return undefined;
  if (location?.value === 'elsewhere') return { field: 'Location', says: UNPLUGGED, reading: location };
  return home?.value === 'false' ? { field: 'LocatedAtHome', says: UNPLUGGED, reading: home } : undefined;
}

/**
 * That the car drives: by its gear and by its speed, which come in any order. A car that is in park stands, whatever a
 * speed that was not sent again says; one that is in gear and moves has left, whatever its charge port says.
 */
export function motionSigns({ values }: FusedState): PlugSign[] {
  const { Gear: gear, VehicleSpeed: speed } = values;
  const known = gear?.live && typeof gear.value === 'string' && /^[PRND]$/.test(gear.value) ? gear : undefined;
  if (known?.value === 'P') return [];
  const isMoving = speed?.live && typeof speed.value === 'number' && speed.value > 0;
  return [
    ...(known ? [{ field: 'Gear', says: UNPLUGGED, reading: known } as const] : []),
    ...(isMoving ? [{ field: 'VehicleSpeed', says: UNPLUGGED, reading: speed } as const] : []),
  ];
}

function byName(verdicts: Readonly<Record<string, PlugSign['says']>>): Verdict {
  return (value) => (typeof value === 'string' && Object.hasOwn(verdicts, value) ? verdicts[value] : undefined);
}
