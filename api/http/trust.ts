import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { costOfChecks, DEFAULT_CHECK_POLICY } from '../../domain/trust/checkPolicy.ts';
import { isOnProbation } from '../../domain/trust/reputation.ts';
import { readCell } from '../../store/cells.ts';
import { listCheckPolicies, setCheckPolicy } from '../../store/checkPolicies.ts';
import type { Queryable } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';
import {
  appealQuarantine,
  listOpenQuarantines,
  listQuarantines,
  resolveQuarantine,
  type Quarantine,
} from '../../store/quarantines.ts';
import { forgetReputations, listReputations } from '../../store/reputations.ts';
import { listShareChecks } from '../../store/shareChecks.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';
import { isTrustedCar, setTrustedCar } from '../../store/trustedCars.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import {
  appealSchema,
  carTrustSchema,
  newPolicySchema,
  policiesSchema,
  type PoliciesWire,
  quarantineSchema,
  quarantinesSchema,
  resolutionSchema,
  trustedSchema,
} from '../wire/trust.ts';
import { operatorOnly, type CarCaller } from './carCaller.ts';
import type { ApiPorts } from './ports.ts';
import { answers, limitParam, taking } from './wire.ts';

const params = z.object({ vin: z.string().min(1).max(64) });
const MAX_CHECKS = 200;
const DEFAULT_CHECKS = 20;

const trustRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/trust',
  summary: 'What checks of the car’s answers have come to, and its quarantines',
  request: { params, query: z.object({ limit: limitParam(MAX_CHECKS, DEFAULT_CHECKS) }) },
  responses: answers('Its reputations, last checks and quarantines', carTrustSchema),
});
const appealRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/vehicles/{vin}/appeal',
  summary: 'Say why the car should not be in quarantine; its operator decides',
  request: { params, ...taking(appealSchema) },
  responses: answers('As it stands now', carTrustSchema),
});
const resolveRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/vehicles/{vin}/quarantine',
  summary: 'Decide on a quarantine: end it or uphold it, and say why',
  request: { params, ...taking(resolutionSchema) },
  responses: answers('As it stands now', carTrustSchema),
});
const trustedRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/vehicles/{vin}/trusted',
  summary: 'Trust a car of the operator’s own, or no longer: its answers measure the tolerance of its class',
  request: { params, ...taking(trustedSchema) },
  responses: answers('As it stands now', carTrustSchema),
});
const listRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/quarantines',
  summary: 'Cars in quarantine, those whose owners appeal first',
  responses: answers('Open quarantines of the cell', quarantinesSchema),
});
const policiesRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/check_policies',
  summary: 'How answers are checked, by tenant and model, and what that costs',
  responses: answers('The policies that are set; the most specific one holds', policiesSchema),
});
const setPolicyRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/check_policies',
  summary: 'Set how answers are checked for a tenant, a model, both, or all',
  request: taking(newPolicySchema),
  responses: answers('The policies that are set now', policiesSchema),
});

/** Reputations, quarantines and appeals. `identifyCarCaller` runs before. */
export function addTrustRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));
  const visible = async (caller: CarCaller, vin: string): Promise<Vehicle> => {
    const vehicle = await readVehicle(database, vin);
    // As for a car that is not there: an owner learns nothing of other cars.
    if (vehicle && (caller.kind === 'operator' || caller.ownerId === vehicle.ownerId)) return vehicle;
    throw new NightshiftError('not_found', `There is no car "${vin}".`, { field: 'vin' });
  };

  app.openapi(trustRoute, async (c) => {
    const vehicle = await visible(c.get('carCaller'), c.req.valid('param').vin);
    return c.json(await trustOf(database, vehicle, c.req.valid('query').limit), 200);
  });

  app.openapi(appealRoute, async (c) => {
    const vehicle = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const { text } = c.req.valid('json');
    const atMs = gridNowMs();
    await database.transaction(async (tx) => {
      if (!(await appealQuarantine(tx, vehicle.id, text, atMs))) throw notQuarantined(vehicle.id);
      const message = `The owner of ${vehicle.displayName} appeals against its quarantine: ${text}`;
      await appendJournal(tx, cell.id, [{ atMs, kind: 'quarantined', subject: vehicle.id, message }]);
    });
    return c.json(await trustOf(database, vehicle, DEFAULT_CHECKS), 200);
  });

  app.openapi(resolveRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const vehicle = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const { text, release } = c.req.valid('json');
    const atMs = gridNowMs();
    await database.transaction(async (tx) => {
      const found = await resolveQuarantine(tx, vehicle.id, { resolution: text, ends: release, atMs });
      if (!found) throw notQuarantined(vehicle.id);
      if (release) {
        // What it was before says nothing of a car that was caught, rightly or not: it begins anew.
        await forgetReputations(tx, vehicle.id);
        await updateClaims(tx, [{ vehicleId: vehicle.id, atMs, source: 'trust', reasons: [] }]);
      }
      const message = `${vehicle.displayName} ${release ? 'is out of' : 'stays in'} quarantine: ${text}`;
      await appendJournal(tx, cell.id, [{ atMs, kind: 'quarantined', subject: vehicle.id, message }]);
    });
    return c.json(await trustOf(database, vehicle, DEFAULT_CHECKS), 200);
  });

  app.openapi(trustedRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const vehicle = await visible(c.get('carCaller'), c.req.valid('param').vin);
    const { trusted } = c.req.valid('json');
    await database.transaction(async (tx) => {
      await setTrustedCar(tx, vehicle.id, trusted);
      const message = `${vehicle.displayName} is ${trusted ? 'trusted by the operator: its answers are measured, not judged' : 'trusted no longer'}.`;
      await appendJournal(tx, cell.id, [{ atMs: gridNowMs(), kind: 'quarantined', subject: vehicle.id, message }]);
    });
    return c.json(await trustOf(database, vehicle, DEFAULT_CHECKS), 200);
  });

  app.openapi(listRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    return c.json({ quarantines: (await listOpenQuarantines(database, cell.id)).map(shown) }, 200);
  });

  app.openapi(policiesRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    return c.json(await policiesOf(database), 200);
  });

  app.openapi(setPolicyRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { tenant, model, policy } = c.req.valid('json');
    const checkedIn = policy?.checked_in ?? null;
    if (checkedIn !== null && !(await readCell(database, checkedIn))) {
      const message = `There is no cell ${JSON.stringify(checkedIn)} whose control processes could check; null lets any do it.`;
      throw new NightshiftError('invalid_request', message, { field: 'policy.checked_in' });
    }
    await setCheckPolicy(database, { tenantId: tenant, modelName: model }, policy);
    return c.json(await policiesOf(database), 200);
  });
}

async function trustOf(
  database: Queryable,
  { id, displayName, policy }: Vehicle,
  limit: number,
): Promise<z.input<typeof carTrustSchema>> {
  const [reputations, checks, quarantines, isTrusted] = await Promise.all([
    listReputations(database, id),
    listShareChecks(database, id, limit),
    listQuarantines(database, id),
    isTrustedCar(database, id),
  ]);
  const isQuarantined = quarantines.some(({ endedAtMs }) => endedAtMs === null);
  const onProbation = reputations.some(({ reputation }) => isOnProbation(reputation));
  const judged = reputations.length === 0 ? 'new' : onProbation ? 'probation' : 'good';
  return {
    id,
    displayName,
    timeZone: policy.timeZone,
    standing: isQuarantined ? 'quarantine' : isTrusted ? 'trusted' : judged,
    reputations: reputations.map(({ reputation: { validInRow, checkedLines, differingLines }, ...of }) => ({
      ...of,
      validInRow,
      checkedLines,
      differingLines,
    })),
    checks: checks.map(({ jobId, shard, lines, checked, differing, tokens, divergent, verdict, atMs }) => ({
      jobId,
      shard,
      lines,
      checked,
      differing,
      tokens,
      divergent,
      verdict,
      atMs,
    })),
    quarantines: quarantines.map(shown),
  };
}

function shown(quarantine: Quarantine): z.input<typeof quarantineSchema> {
  const { vehicleId, sinceMs, reason, evidence, appeal, appealedAtMs, endedAtMs, resolution } = quarantine;
  const { jobId, shard, checked, differing } = evidence;
  return {
    vehicleId,
    sinceMs,
    reason,
    evidence: { jobId, shard, checked, differing: [...differing] },
    appeal,
    appealedAtMs,
    endedAtMs,
    resolution,
  };
}

async function policiesOf(database: Queryable): Promise<PoliciesWire> {
  const policies = await listCheckPolicies(database);
  return {
    policies: policies.map(({ tenantId: tenant, modelName: model, policy }) => ({
      tenant,
      model,
      policy,
      cost: costOfChecks(policy),
    })),
    default: DEFAULT_CHECK_POLICY,
  };
}

function notQuarantined(vin: string): NightshiftError {
  return new NightshiftError('conflict', `Car "${vin}" is not in quarantine.`, { field: 'vin' });
}
