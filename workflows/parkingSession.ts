import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { StayActivities } from '../domain/activities/stayActivities.ts';
import { realDelayUntilMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { CONTROL_OPTIONS } from './activityOptions.ts';
import type { ParkingSessionInput, SessionSnapshot } from '../domain/workflows/parkingSession.ts';
import { policyChanged, replanRequested, sessionState, setpointPlanned, unplugged } from './messages.ts';
import { describeSession } from './parkingSessionState.ts';
import { attributes } from './searchAttributes.ts';

const { openSession, checkReadyBy, closeSession } = proxyActivities<StayActivities>(CONTROL_OPTIONS);

/** One stay of one car, from plug-in to departure: charge target met first, compute offered, meter read, owner paid. */
export async function parkingSession(input: ParkingSessionInput): Promise<void> {
  const { vehicleId, stay, cellId, clock } = input;
  const cell = getExternalWorkflowHandle(workflowIds.cell(cellId));
  let session: SessionSnapshot | null = input.carried ?? null;
  // Kept beside the session: a plan may come while its terms are still being agreed.
  let setpoint = session?.setpoint ?? null;
  let departure: { readonly atMs: number; readonly reason: string } | undefined;
  let termsOutdated = false;
  let news = false;

  setHandler(setpointPlanned, (planned) => {
    setpoint = planned;
    if (session) session = { ...session, setpoint };
    news = true;
  });
  setHandler(unplugged, (left) => {
    departure = left;
  });
  setHandler(policyChanged, () => {
    termsOutdated = true;
  });
  setHandler(sessionState, () => session);

  const replan = (cause: string): Promise<void> => cell.signal(replanRequested, { cause }).catch(() => undefined);
  const agreeTerms = async (): Promise<SessionSnapshot> => {
    const terms = await openSession({ vehicleId, stay, cellId, pluggedInMs: input.pluggedInMs });
    upsertSearchAttributes([{ key: attributes.readyBy, value: new Date(terms.readyByMs) }]);
    return { terms, setpoint, readyByChecked: session?.readyByChecked ?? false };
  };

  if (!session) {
    session = await agreeTerms();
    await replan(`${session.terms.displayName} plugged in`);
  }

  while (!departure) {
    setCurrentDetails(describeSession(session));
    news = false;
    const readyByMs = session.readyByChecked ? undefined : session.terms.readyByMs;
    const changed = (): boolean => departure !== undefined || termsOutdated || news;
    const woken =
      readyByMs === undefined
        ? await condition(changed).then(() => true)
        : await condition(changed, realDelayUntilMs(clock, readyByMs, Date.now()));
    if (!woken) {
      await checkReadyBy({ vehicleId, stay, cellId, atMs: session.terms.readyByMs });
      session = { ...session, readyByChecked: true };
    }
    if (termsOutdated && !departure) {
      termsOutdated = false;
      session = await agreeTerms();
      await replan(`${session.terms.displayName}: owner changed the policy`);
    }
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      // The car may have left, or its owner changed the terms, in the very task that suggests it: first that.
      if (departure || termsOutdated) continue;
      await continueAsNew<typeof parkingSession>({ ...input, carried: session });
    }
  }

  setCurrentDetails('Gone. Reading the meter and settling the stay.');
  if (!session.readyByChecked) await checkReadyBy({ vehicleId, stay, cellId, atMs: departure.atMs });
  const wasComputing = (session.setpoint?.computeKw ?? 0) > 0;
  await closeSession({ vehicleId, stay, cellId, unpluggedMs: departure.atMs, reason: departure.reason, wasComputing });
  await replan(`${session.terms.displayName} left`);
}
