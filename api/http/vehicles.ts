import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { DateTime } from 'luxon';

import { carStateOf, CLAIM_HOLDERS, heldBy, UNKNOWN_CONDITION } from '../../domain/claims.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { policyReasons } from '../../domain/ownerPolicy.ts';
import { nextReadyByMs } from '../../domain/readyBy.ts';
import { ownerPolicySchema, type OwnerPolicy } from '../../domain/vehicles.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import { addEnrolmentCode } from '../../store/carKeys.ts';
import { addOwnerKey, removeOwnerKeys } from '../../store/ownerKeys.ts';
import { listStaysOf, readOpenParkingSession } from '../../store/parkingSessions.ts';
import { appendJournal } from '../../store/journal.ts';
import { latestPlan } from '../../store/plans.ts';
import { listTransitions, readClaims, updateClaims } from '../../store/vehicleClaims.ts';
import { listOwnedVehicles, setOwnerPolicy, type Vehicle } from '../../store/vehicles.ts';
import { readVehicleState } from '../../store/vehicleStates.ts';
import { newOwnerKey, operatorOnly, ownerKeyHash, type CarCaller } from './carCaller.ts';
import { CODE_LIFE_REAL_MS } from './enrolments.ts';
import type { ApiPorts } from './ports.ts';
import { visibleCar } from './visibleCar.ts';
import { staysSchema, vehiclePlanSchema, vehicleSchema, whySchema } from '../wire/cars.ts';
import { enrolmentCodeSchema } from '../wire/agents.ts';
import { answers, limitParam, taking, unixSeconds } from './wire.ts';

const MAX_ROWS = 200;
const DEFAULT_ROWS = 20;
const vinParam = z.object({ vin: z.string().min(1).max(64) });
const rowsQuery = z.object({ limit: limitParam(MAX_ROWS, DEFAULT_ROWS) });

const listRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles',
  responses: answers('The cars that the caller may see', z.object({ vehicles: z.array(vehicleSchema) })),
});
const showRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}',
  request: { params: vinParam },
  responses: answers('The car, with its last known values', vehicleSchema),
});
const whyRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/why',
  request: { params: vinParam, query: rowsQuery },
  responses: answers('Who holds the car and why, and how that came about', whySchema),
});
const planRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/plan',
  request: { params: vinParam },
  responses: answers('What the newest plan has for the car; only its first slot is committed', vehiclePlanSchema),
});
const staysRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/sessions',
  request: { params: vinParam, query: rowsQuery },
  responses: answers('Its stays, newest first, each with its statement once it is settled', staysSchema),
});
const policyRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/vehicles/{vin}/policy',
  request: {
    params: vinParam,
    ...taking(ownerPolicySchema.strict()),
  },
  responses: answers('The car with its new policy, which is in force', vehicleSchema),
});
const ownerParam = z.object({ owner: z.string().min(1).max(100) });
const newKeyRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/owners/{owner}/keys',
  request: { params: ownerParam },
  responses: answers('A key for the owner, shown this once', z.object({ ownerId: z.string(), key: z.string() })),
});
const newCodeRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/vehicles/{vin}/codes',
  request: { params: vinParam },
  responses: answers('A code that the car’s agent exchanges for its key, once, within an hour', enrolmentCodeSchema),
});
const removeKeysRoute = createRoute({
  method: 'delete',
  path: '/fleet/v1/owners/{owner}/keys',
  request: { params: ownerParam },
  responses: answers('How many keys of the owner were withdrawn', z.object({ removed: z.number() })),
});

/** What owners and operators see of cars and what owners want of them. `identifyCarCaller` runs before. */
export function addVehicleRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, cell, now } = ports;
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));
  const visible = (caller: CarCaller, vin: string): Promise<Vehicle> => visibleCar(database, caller, vin);

  const view = async (vehicle: Vehicle): Promise<z.input<typeof vehicleSchema>> => {
    const [state, claims] = await Promise.all([
      readVehicleState(database, vehicle.id),
      readClaims(database, vehicle.id),
    ]);
    const { charger: _, ...shown } = vehicle;
    const nowMs = gridNowMs();
    return {
      ...shown,
      state: carStateOf(claims?.condition ?? UNKNOWN_CONDITION),
      heldBy: heldBy(claims?.reasons ?? []),
      pluggedIn: state?.pluggedIn ?? false,
      online: state?.online ?? false,
      socPercent: state?.socPercent ?? null,
      heardAtMs: state?.updatedAtMs ?? null,
      heardAgeMs: state ? Math.max(0, nowMs - state.updatedAtMs) : null,
      nextReadyByMs: nextReadyByMs(vehicle.policy, nowMs),
    };
  };

  app.openapi(listRoute, async (c) => {
    const caller = c.get('carCaller');
    const owned = await listOwnedVehicles(database, cell.id, caller.kind === 'owner' ? caller.ownerId : undefined);
    return c.json({ vehicles: await Promise.all(owned.map(view)) }, 200);
  });

  app.openapi(showRoute, async (c) =>
    c.json(await view(await visible(c.get('carCaller'), c.req.valid('param').vin)), 200),
  );

  app.openapi(whyRoute, async (c) => {
    const { id, displayName, policy } = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const claims = await readClaims(database, id);
    const reasons = claims?.reasons ?? [];
    const holder = heldBy(reasons);
    const ladder = CLAIM_HOLDERS.map((each) => ({
      holder: each,
      holds: each === holder,
      reasons: reasons.filter((reason) => reason.holder === each),
    }));
    const transitions = await listTransitions(database, id, c.req.valid('query').limit);
    const answer: z.input<typeof whySchema> = {
      id,
      displayName,
      timeZone: policy.timeZone,
      state: carStateOf(claims?.condition ?? UNKNOWN_CONDITION),
      heldBy: holder,
      sinceMs: claims?.sinceMs ?? null,
      confirmedAtMs: claims?.confirmedAtMs ?? null,
      claims: ladder,
      transitions: transitions.map((each) => ({ ...each, reasons: [...each.reasons] })),
    };
    return c.json(answer, 200);
  });

  app.openapi(planRoute, async (c) => {
    const { id } = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const stored = await latestPlan<unknown, Plan>(database, cell.id);
    const car = stored?.plan.cars.find(({ carId }) => carId === id);
    if (!stored || !car) return c.json({ id, planId: null, intervals: [], reasons: [], unmet: [] }, 200);
    const { slots, unmet } = stored.plan;
    const intervals = car.chargeKw.map((chargeKw, slot) => ({
      startMs: slotStartMs(slots, slot),
      endMs: slotStartMs(slots, slot + 1),
      chargeKw,
      computeKw: car.computeKw[slot] ?? 0,
    }));
    const missed = unmet.filter((each) => each.kind !== 'job_deadline' && each.id === id);
    return c.json({ id, planId: stored.id, intervals, reasons: car.reasons, unmet: missed }, 200);
  });

  app.openapi(staysRoute, async (c) => {
    const { id } = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const stays = await listStaysOf(database, id, c.req.valid('query').limit);
    return c.json({ stays: stays.map(({ settled, ...stay }) => ({ ...stay, statement: settled })) }, 200);
  });

  app.openapi(policyRoute, async (c) => {
    const vehicle = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const policy = acceptedPolicy(vehicle, c.req.valid('json'));
    const atMs = gridNowMs();
    await database.transaction(async (tx) => {
      await setOwnerPolicy(tx, vehicle.id, policy);
      const reasons = policyReasons(policy, atMs);
      const held = await updateClaims(tx, [{ vehicleId: vehicle.id, atMs, source: 'policy', reasons }]);
      await appendJournal(tx, cell.id, held);
    });
    const stay = await readOpenParkingSession(database, vehicle.id);
    if (stay) await ports.stays.policyChanged(stay);
    return c.json(await view({ ...vehicle, policy }), 200);
  });

  app.openapi(newKeyRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { owner: ownerId } = c.req.valid('param');
    const key = newOwnerKey();
    await addOwnerKey(database, ownerId, ownerKeyHash(key));
    return c.json({ ownerId, key }, 200);
  });

  app.openapi(newCodeRoute, async (c) => {
    const { id } = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const expiresRealMs = now() + CODE_LIFE_REAL_MS;
    const code = await addEnrolmentCode(database, id, expiresRealMs);
    return c.json({ car_id: id, code, expires_at: unixSeconds(expiresRealMs) }, 200);
  });

  app.openapi(removeKeysRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    return c.json({ removed: await removeOwnerKeys(database, c.req.valid('param').owner) }, 200);
  });
}

function wrong(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', `${field}: ${message}.`, { field });
}

/** The policy as it is kept. @throws NightshiftError `invalid_request` that names the field */
export function acceptedPolicy(vehicle: Vehicle, policy: OwnerPolicy): OwnerPolicy {
  if (!DateTime.utc().setZone(policy.timeZone).isValid) throw wrong('timeZone', 'must be an IANA time zone');
  // Consent is given once; a policy that does not repeat it does not withdraw it.
  const consent = policy.consent ?? vehicle.policy.consent;
  if (policy.computeOptIn && consent === undefined) {
    throw wrong('consent', 'must be given before the car computes: {"termsVersion", "givenAtMs"}');
  }
  if (policy.minimumSocPercent > policy.targetSocPercent) {
    throw wrong('minimumSocPercent', `must be at most targetSocPercent, ${policy.targetSocPercent}`);
  }
  return { ...policy, ...(consent ? { consent } : {}) };
}
