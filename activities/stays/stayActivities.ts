import { HOUR_MS } from '../../domain/durations.ts';
import type { StayActivities, Stay } from '../../domain/activities/stayActivities.ts';
import { DateTime } from 'luxon';
import { localHour } from '../../domain/localHour.ts';
import { nextReadyBy } from '../../domain/readyBy.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { topics, workflowIds } from '../../domain/names.ts';
import { readHabit, storedHabit } from '../../scheduler/habit.ts';
import { learnStay, placeOfArrival } from '../../scheduler/survival.ts';
import type { Database, Queryable } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';
import { forgetHeardHours, readHeardMs } from '../../store/heardHours.ts';
import { learnHabits } from '../../store/habits.ts';
import { book } from '../../store/ledger.ts';
import {
  closeParkingSession,
  readParkingSession,
  recordReadyBySoc,
  setSessionTerms,
  settleParkingSession,
  type ParkingSession,
} from '../../store/parkingSessions.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import { updateClaims, wasHeld } from '../../store/vehicleClaims.ts';
import { readVehicleState } from '../../store/vehicleStates.ts';
import type { SessionTerms } from '../../domain/workflows/parkingSession.ts';
import type { VehicleLink } from '../../charging/vehicleLink.ts';
import { balanceStay } from '../settlement/balanceStay.ts';
import { moneyText, statementOf, type OwnerStatement } from '../settlement/statement.ts';
import { availabilityBooking } from '../settlement/workBooking.ts';

export interface StayPorts {
  readonly database: Database;
  readonly vehicles: VehicleLink;
}

/** Measured SoC comes in whole tenths; less than this below the target is met. */
const SOC_TOLERANCE_PERCENT = 0.5;

export function createStayActivities({ database, vehicles }: StayPorts): StayActivities {
  const vehicleOf = async (vehicleId: string): Promise<Vehicle> => {
    const vehicle = await readVehicle(database, vehicleId);
    if (!vehicle) throw new Error(`vehicle ${vehicleId} is not enrolled`);
    return vehicle;
  };

  return {
    /** Agrees what the owner is promised for this stay, from the policy as it is now; called again when it changes. */
    async openSession(request: Stay & { pluggedInMs: number }): Promise<SessionTerms> {
      const { vehicleId, stay, cellId, pluggedInMs } = request;
      const { kind, policy, displayName } = await vehicleOf(vehicleId);
      const { atMs: readyByMs, targetSocPercent } = nextReadyBy(policy, pluggedInMs);
      const { timeZone } = policy;
      await setSessionTerms(database, vehicleId, stay, { readyByMs, targetSocPercent });
      const state = await readVehicleState(database, vehicleId);
      const readyBy = DateTime.fromMillis(readyByMs, { zone: timeZone }).toFormat('HH:mm');
      const soc =
        state?.socPercent === null || state === undefined ? 'an unknown SoC' : `${state.socPercent.toFixed(0)} %`;
      await appendJournal(database, cellId, [
        {
          atMs: pluggedInMs,
          kind: 'plugged_in',
          subject: vehicleId,
          message:
            kind === 'site_node'
              ? `${displayName} is in reach`
              : `${displayName} is plugged in at ${soc}, wants ${targetSocPercent} % by ${readyBy}`,
          dedupeKey: `plugged_in/${vehicleId}/${stay}/${readyByMs}/${targetSocPercent}`,
        },
      ]);
      return { readyByMs, targetSocPercent, displayName, timeZone };
    },

    /** Records the SoC at ready-by, or at departure when that came first, against the target. */
    async checkReadyBy(request: Stay & { atMs: number }): Promise<void> {
      const { vehicleId, stay, cellId, atMs } = request;
      const { displayName } = await vehicleOf(vehicleId);
      const state = await readVehicleState(database, vehicleId);
      const session = await readParkingSession(database, vehicleId, stay);
      if (!session || state?.socPercent == null) return;
      await recordReadyBySoc(database, vehicleId, stay, state.socPercent);
      const missingPercent = session.targetSocPercent - state.socPercent;
      const early = atMs < session.readyByMs ? ' when it left early' : ' at its ready-by';
      const verdict = missingPercent <= SOC_TOLERANCE_PERCENT ? 'target met' : `${missingPercent.toFixed(1)} % short`;
      await appendJournal(database, cellId, [
        {
          atMs,
          kind: 'ready_by',
          subject: vehicleId,
          message: `${displayName} had ${state.socPercent.toFixed(1)} %${early}, target ${session.targetSocPercent} %: ${verdict}`,
          dedupeKey: `ready_by/${vehicleId}/${stay}`,
        },
      ]);
    },

    /**
     * Ends a stay: pays its availability unless the car was not to be trusted, writes the owner's statement, and lets the
     * next stay begin without what was held against its work. All of it or nothing: else a failure in between would leave a stay that is closed but not paid.
     */
    async closeSession(request: Stay & { unpluggedMs: number; reason: string; wasComputing: boolean }): Promise<void> {
      const { vehicleId, stay, cellId, unpluggedMs, reason, wasComputing } = request;
      const vehicle = await vehicleOf(vehicleId);
      // A car that is back within the hour must not follow setpoints that were planned without it.
      await vehicles.withdraw(topics.setpoints(vehicleId));
      await database.transaction(async (tx) => {
        await closeParkingSession(tx, vehicleId, stay, unpluggedMs);
        const session = await readParkingSession(tx, vehicleId, stay);
        if (!session) return;
        const during = { startMs: session.pluggedInAtMs, endMs: session.unpluggedAtMs ?? unpluggedMs };
        const balanced = await balanceStay(tx, vehicle, stay, during);
        const statement = await settleStay(tx, vehicle, session, unpluggedMs);
        await updateClaims(tx, [{ vehicleId, atMs: unpluggedMs, source: 'work', reasons: [] }]);
        await appendJournal(tx, cellId, [
          ...(wasComputing ? [departureInShard(vehicle, stay, unpluggedMs)] : []),
          ...balanced,
          {
            atMs: unpluggedMs,
            kind: 'settled',
            subject: vehicleId,
            message:
              `${vehicle.displayName} left (${reason}): charged ${statement.chargingKwh.toFixed(1)} kWh, ` +
              `computed ${statement.computeKwh.toFixed(2)} kWh, earned ${moneyText(statement.credit)}`,
            dedupeKey: `settled/${vehicleId}/${stay}`,
          },
        ]);
      });
    },
  };
}

/** Learns the stay, pays its availability and writes its statement; each once, however often it is asked. */
async function settleStay(
  tx: Queryable,
  vehicle: Vehicle,
  session: ParkingSession,
  unpluggedMs: number,
): Promise<OwnerStatement> {
  const { vehicleId, stay, pluggedInAtMs } = session;
  const localHourOf = (atMs: number) => localHour(vehicle.policy.timeZone, atMs);
  await learnHabits(tx, { vehicleId, feederId: vehicle.feederId, stay }, (known) => {
    const { car, site } = learnStay({
      car: readHabit(known.car),
      site: readHabit(known.feeder),
      place: placeOfArrival(localHourOf(pluggedInAtMs)),
      pluggedInMs: pluggedInAtMs,
      unpluggedMs: session.unpluggedAtMs ?? unpluggedMs,
      statedMs: session.readyByMs,
      localHourOf,
    });
    return { car: storedHabit(car), feeder: storedHabit(site) };
  });
  const wasDistrusted = await wasHeld(tx, vehicleId, ['telemetry_not_trusted', 'work_not_trusted', 'quarantined'], {
    startMs: pluggedInAtMs,
    endMs: unpluggedMs,
  });
  // What is known of its stay comes from a car that has said what cannot be.
  const isPaid = vehicle.policy.computeOptIn && !wasDistrusted;
  // Being at the plug is no availability: what has not answered, asleep or out of reach, could not have been asked.
  const heardMs = isPaid ? await readHeardMs(tx, vehicleId, { startMs: pluggedInAtMs, endMs: unpluggedMs }) : 0;
  await forgetHeardHours(tx, vehicleId, unpluggedMs);
  const hours = heardMs / HOUR_MS;
  const reference = workflowIds.session(vehicleId, stay);
  await book(
    tx,
    availabilityBooking(await readPriceBookAt(tx, unpluggedMs), {
      car: vehicle,
      stay,
      reference,
      hours,
      atMs: unpluggedMs,
    }),
  );
  const statement = await statementOf(tx, vehicleId, stay);
  await settleParkingSession(tx, vehicleId, stay, statement);
  return statement;
}

function departureInShard({ id, displayName }: Vehicle, stay: number, atMs: number): JournalLine {
  const message = `${displayName} drives off while it may compute: parts that it has stored stay, its shard goes on elsewhere`;
  return { atMs, kind: 'departure_in_shard', subject: id, message, dedupeKey: `departure_in_shard/${id}/${stay}` };
}
