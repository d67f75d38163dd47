import type { NightFacts, OwnerFacts, VehicleFacts } from '../../../demo/report/facts.ts';

export const START_MS = Date.parse('2026-01-14T17:00:00Z');
export const HOUR_MS = 3_600_000;

const CHARGER = { maxKw: 10, minKw: 4.14, efficiency: 0.9 };

export const VEHICLE: VehicleFacts = {
  id: 'car-1',
  feederId: 'feeder-1',
  hardwareClass: 'ai5',
  charger: CHARGER,
  stays: [{ pluggedInAtMs: START_MS, unpluggedAtMs: undefined }],
  meter: [],
};

export const OWNER: OwnerFacts = {
  vehicle: 'car-1',
  displayName: "Ada's car",
  timeZone: 'Europe/Berlin',
  batteryKwh: 50,
  charger: CHARGER,
  readyByMs: START_MS + 4 * HOUR_MS,
  targetSocPercent: 80,
  readyBySocPercent: 80,
  arrivalSocPercent: 40,
  pluggedInAtMs: START_MS,
  unpluggedAtMs: undefined,
  creditEur: 1.2345,
};

/** Four hours in hourly slots: dear, dear, cheap, cheap. One region, one feeder of 15 kW. */
export function nightFacts(change: Partial<NightFacts> = {}): NightFacts {
  const prices = [0.4, 0.3, 0.2, 0.1];
  return {
    slotMs: HOUR_MS,
    requests: { total: 10, completed: 8, failed: 1, expired: 1 },
    answers: { characterErrorRate: 0.002, tokens: undefined },
    handovers: 2,
    redoneRequests: 3,
    submittedAtMs: START_MS,
    regions: [
      {
        id: 'region-1',
        slots: prices.map((priceEurPerKwh, hour) => ({
          startMs: START_MS + hour * HOUR_MS,
          priceEurPerKwh,
          gramsCo2PerKwh: priceEurPerKwh * 1000,
          ambientC: 20,
        })),
      },
    ],
    feeders: [
      {
        id: 'feeder-1',
        regionId: 'region-1',
        slots: prices.map((_, hour) => ({ startMs: START_MS + hour * HOUR_MS, availableKw: 15 })),
      },
    ],
    vehicles: [VEHICLE],
    owners: [OWNER],
    money: {
      submitterMicros: 2_000_000,
      ownerMicros: 634_500,
      energyMicros: 600_000,
      checkingMicros: 5_000,
      marginMicros: 760_500,
    },
    ...change,
  };
}

/** A meter that reads the kWh given, hour by hour. */
export function hourly(charging: readonly number[], compute: readonly number[] = []): VehicleFacts['meter'] {
  return charging.map((chargingKwh, hour) => ({
    slotStartMs: START_MS + hour * HOUR_MS,
    chargingKwh,
    computeKwh: compute[hour] ?? 0,
  }));
}
