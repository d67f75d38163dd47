import { MINUTE_MS } from '../domain/durations.ts';
import { sumMicros, unitsOf } from '../domain/money.ts';
import { simulatedClass } from '../domain/hardwareClasses.ts';
import type { AnswerFacts, FeederFacts, NightFacts, OwnerFacts, RegionFacts, VehicleFacts } from './report/facts.ts';
import { seriesOnAxis, slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import { acceptedTotals } from '../store/acceptedShards.ts';
import type { Batch } from '../store/batches.ts';
import type { Cell } from '../store/cells.ts';
import type { Database } from '../store/database.ts';
import { listFeeders } from '../store/feeders.ts';
import { listCarAmounts, type CarAmount } from '../store/ledger.ts';
import { listMeterIntervals } from '../store/meters.ts';
import { listParkingSessions, type ParkingSession } from '../store/parkingSessions.ts';
import { listRegions } from '../store/regions.ts';
import { readSignals, type SignalSpan, type TimeWindow } from '../store/signals.ts';
import { listVehicles, type Vehicle } from '../store/vehicles.ts';

/** What happened within a window of grid time, from the database; what was answered comes with the batch. */
export async function readNightFacts(
  database: Database,
  cell: Cell,
  batch: Batch,
  window: TimeWindow,
  answers: AnswerFacts,
): Promise<NightFacts> {
  const slotMs = cell.slotMinutes * MINUTE_MS;
  const axis: SlotAxis = {
    startMs: window.startMs,
    slotMinutes: cell.slotMinutes,
    count: Math.ceil((window.endMs - window.startMs) / slotMs),
  };
  const { handovers, redoneLines } = await acceptedTotals(database, batch.id);
  const { total, completed, failed, expired } = batch;
  const vehicles = await listVehicles(database, cell.id);
  const sessions = await listParkingSessions(database, cell.id, window);
  const meter = await listMeterIntervals(database, cell.id, window);
  const amounts = await listCarAmounts(database, { batchId: batch.id, cellId: cell.id });
  const signals = new Map<string, SignalSpan[]>();
  for (const { id } of await listRegions(database, cell.id)) signals.set(id, await readSignals(database, id, window));
  const feeders = await listFeeders(database, cell.id);

  return {
    slotMs,
    requests: { total, completed, failed, expired },
    answers,
    handovers,
    redoneRequests: redoneLines,
    submittedAtMs: batch.submittedAtMs,
    regions: [...signals].map(([id, spans]) => regionFacts(axis, id, spans)),
    feeders: feeders.map((feeder) => feederFacts(axis, feeder, signals.get(feeder.regionId) ?? [])),
    vehicles: vehicles.map((vehicle): VehicleFacts => ({
      id: vehicle.id,
      feederId: vehicle.feederId,
      hardwareClass: simulatedClass(vehicle.hardwareClass),
      charger: vehicle.charger,
      stays: sessions
        .filter((session) => session.vehicleId === vehicle.id)
        .map(({ pluggedInAtMs, unpluggedAtMs }) => ({ pluggedInAtMs, unpluggedAtMs: unpluggedAtMs ?? undefined })),
      meter: meter.filter((interval) => interval.vehicleId === vehicle.id),
    })),
    money: {
      submitterMicros: -sumOf(amounts, 'tenant'),
      ownerMicros: sumOf(amounts, 'owner'),
      energyMicros: sumOf(amounts, 'energy'),
      checkingMicros: sumOf(amounts, 'checking'),
      marginMicros: sumOf(amounts, 'margin'),
    },
    owners: vehicles.flatMap((vehicle) => {
      const own = amounts.filter(({ vehicleId }) => vehicleId === vehicle.id);
      const stay = stayOfReadyBy(sessions.filter((session) => session.vehicleId === vehicle.id));
      return stay ? [ownerFacts(vehicle, stay, unitsOf(sumOf(own, 'owner') + sumOf(own, 'energy')))] : [];
    }),
  };
}

/** The night's prices are all in euros. */
function sumOf(amounts: readonly CarAmount[], wanted: CarAmount['kind']): number {
  return sumMicros(amounts.filter(({ kind }) => kind === wanted).map(({ amountMicros }) => amountMicros));
}

/** The stay that ended with the owner's ready-by: the last one. */
function stayOfReadyBy(sessions: readonly ParkingSession[]): ParkingSession | undefined {
  return [...sessions].sort((a, b) => a.stay - b.stay).at(-1);
}

function ownerFacts(vehicle: Vehicle, stay: ParkingSession, creditEur: number): OwnerFacts {
  return {
    vehicle: vehicle.id,
    displayName: vehicle.displayName,
    timeZone: vehicle.policy.timeZone,
    batteryKwh: vehicle.batteryKwh,
    charger: vehicle.charger,
    readyByMs: stay.readyByMs,
    targetSocPercent: stay.targetSocPercent,
    readyBySocPercent: stay.readyBySocPercent ?? undefined,
    arrivalSocPercent: stay.arrivalSocPercent ?? undefined,
    pluggedInAtMs: stay.pluggedInAtMs,
    unpluggedAtMs: stay.unpluggedAtMs ?? undefined,
    creditEur,
  };
}

function regionFacts(axis: SlotAxis, id: string, spans: readonly SignalSpan[]): RegionFacts {
  const onAxis = (kind: SignalSpan['kind']): (number | null)[] =>
    seriesOnAxis(
      axis,
      spans.filter((span) => span.kind === kind && span.feederId === null),
    );
  const [prices, carbon, ambient] = [onAxis('price'), onAxis('carbon'), onAxis('temperature')];
  return {
    id,
    slots: prices.map((priceEurPerKwh, slot) => ({
      startMs: slotStartMs(axis, slot),
      priceEurPerKwh: priceEurPerKwh ?? 0,
      gramsCo2PerKwh: carbon[slot] ?? 0,
      ambientC: ambient[slot] ?? 0,
    })),
  };
}

function feederFacts(
  axis: SlotAxis,
  feeder: { readonly id: string; readonly regionId: string; readonly failSafeImportKw: number },
  spans: readonly SignalSpan[],
): FeederFacts {
  const onAxis = (kind: SignalSpan['kind']): (number | null)[] =>
    seriesOnAxis(
      axis,
      spans.filter((span) => span.kind === kind && span.feederId === feeder.id),
    );
  const houseLoad = onAxis('house_load');
  return {
    id: feeder.id,
    regionId: feeder.regionId,
    slots: onAxis('import_limit').map((limit, slot) => ({
      startMs: slotStartMs(axis, slot),
      availableKw: Math.max(0, (limit ?? feeder.failSafeImportKw) - (houseLoad[slot] ?? 0)),
    })),
  };
}
