import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { AGENT_RELEASE, workflowIds } from '../../domain/names.ts';
import { firstRolloutStatus } from '../../domain/workflows/modelRollout.ts';
import { listReleases } from '../../store/agentReleases.ts';
import { seedSpeedsLike } from '../../store/classSpeeds.ts';
import { appendJournal } from '../../store/journal.ts';
import { listLatestModels, pinModel, readModel } from '../../store/models.ts';
import { insertRollout, listRollouts, readRollout, type StoredRollout } from '../../store/rollouts.ts';
import {
  modelPinSchema,
  newRolloutSchema,
  rolloutCommandSchema,
  rolloutSchema,
  rolloutsSchema,
  type RolloutWire,
} from '../wire/rollouts.ts';
import { operatorLine } from './operatorLine.ts';
import type { ApiPorts } from './ports.ts';
import { answers, limitParam, notFound, taking } from './wire.ts';

const MAX_ROLLOUTS = 100;
const DEFAULT_ROLLOUTS = 20;

const listRoute = createRoute({
  method: 'get',
  path: '/ops/v1/rollouts',
  summary: 'Roll-outs, newest first, and what each of the operator’s models answers with',
  request: { query: z.object({ limit: limitParam(MAX_ROLLOUTS, DEFAULT_ROLLOUTS) }) },
  responses: answers('Where they stand, and why', rolloutsSchema),
});
const startRoute = createRoute({
  method: 'post',
  path: '/ops/v1/rollouts',
  summary: 'Begin to roll a version of an operator’s model out; asked again, it is the same roll-out',
  request: taking(newRolloutSchema),
  responses: answers('It goes on by itself', rolloutSchema),
});
const commandRoute = createRoute({
  method: 'post',
  path: '/ops/v1/rollouts/command',
  summary: 'Pause, resume or abort a roll-out, or skip what it waits for',
  request: taking(rolloutCommandSchema),
  responses: answers('It was told, and the journal says who did it and why', rolloutSchema),
});
const pinRoute = createRoute({
  method: 'put',
  path: '/ops/v1/model_pins',
  summary: 'Keep a tenant on a version of an operator’s model, whatever is rolled out',
  request: taking(modelPinSchema),
  responses: answers('From the tenant’s next batch on', modelPinSchema),
});

/** Versions of models on their way to the fleet. For keys with the scope `ops`. */
export function addRolloutRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, cell, now, rollouts } = ports;
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));

  app.openapi(listRoute, async (c) => {
    const found = await listRollouts(database, c.req.valid('query').limit);
    const models = (await listLatestModels(database)).map(({ name, version, nextVersion, nextShare, waiting }) => ({
      model: name,
      latest: version,
      next: nextVersion,
      next_share: nextShare,
      waiting: [...waiting],
    }));
    return c.json({ rollouts: found.map(shown), models }, 200);
  });

  app.openapi(startRoute, async (c) => {
    const { model: name, version, spec: given } = c.req.valid('json');
    const isAgent = name === AGENT_RELEASE;
    const baseFamily = isAgent ? await checkRelease(ports, version) : await familyOf(ports, name, version);
    // A release of the agent answers nothing that could be compared: it says itself whether it works.
    const spec = isAgent ? { ...given, compare: { ...given.compare, requests: 0 } } : given;
    const latest = (await listLatestModels(database)).find((each) => each.name === name);
    if (!latest || latest.version === version) {
      throw new NightshiftError('conflict', `${name} ${version} answers already: nothing is to be rolled out.`, {
        field: 'version',
      });
    }
    const running = await readRollout(database, name);
    if (running && running.decidedAtMs === null) {
      if (running.version !== version) {
        const message = `${name} ${running.version} is being rolled out: abort that first, or wait for its end.`;
        throw new NightshiftError('conflict', message, { field: 'version' });
      }
      // The one who asks again may not have heard that it began, or Temporal did not answer.
      await rollouts.start(running);
      return c.json(shown(running), 200);
    }
    const before = await readRollout(database, name, version);
    if (before && before.drainedAtMs === null) {
      const message = `Batches that began with ${name} ${version} still run since its last roll-out: it can begin when they have ended.`;
      throw new NightshiftError('conflict', message, { field: 'version' });
    }
    const startedAtMs = gridNowMs();
    const begun = await database.transaction(async (tx) => {
      if (!isAgent) await seedSpeedsLike(tx, { name, version: latest.version }, version);
      const rollout = await insertRollout(tx, {
        cellId: cell.id,
        name,
        version,
        previousVersion: latest.version,
        baseFamily,
        spec,
        startedAtMs,
        status: firstRolloutStatus(spec.waves.length, startedAtMs),
      });
      if (rollout) {
        const message = `An operator began to roll out ${name} ${version} in place of ${latest.version}`;
        await appendJournal(tx, cell.id, [
          operatorLine(ports, c.get('caller').keyId, workflowIds.rollout(name, version), message),
        ]);
      }
      return rollout;
    });
    if (!begun) throw new NightshiftError('conflict', `Another version of ${name} is being rolled out.`);
    await rollouts.start(begun);
    return c.json(shown(begun), 200);
  });

  app.openapi(commandRoute, async (c) => {
    const { model: name, version, command, reason } = c.req.valid('json');
    const rollout = await readRollout(database, name, version);
    if (!rollout) throw notFound('roll-out', `${name} ${version}`);
    if (rollout.decidedAtMs !== null) {
      const message = `The roll-out of ${name} ${version} has ended: ${rollout.status.outcome ?? 'decided'}.`;
      throw new NightshiftError('conflict', message, { field: 'version' });
    }
    await rollouts.command(rollout, command, reason);
    const message = `An operator said "${command}" to the roll-out of ${name} ${version}: ${reason}`;
    await appendJournal(database, cell.id, [
      operatorLine(ports, c.get('caller').keyId, workflowIds.rollout(name, version), message),
    ]);
    return c.json(shown(rollout), 200);
  });

  app.openapi(pinRoute, async (c) => {
    const { tenant, model: name, version } = c.req.valid('json');
    if (version !== null) await familyOf(ports, name, version);
    await pinModel(database, { tenantId: tenant, name, version });
    const message =
      version === null
        ? `Tenant ${tenant} is no longer pinned to a version of ${name}`
        : `Tenant ${tenant} is pinned to ${name} ${version}`;
    await appendJournal(database, cell.id, [operatorLine(ports, c.get('caller').keyId, tenant, message)]);
    return c.json({ tenant, model: name, version }, 200);
  });
}

/** @throws NightshiftError `not_found` */
async function familyOf({ database }: ApiPorts, name: string, version: string): Promise<string> {
  const model = await readModel(database, DEFAULT_TENANT, name, version);
  if (!model || model.tenantId !== null) throw notFound('version of an operator’s model', `${name} ${version}`);
  return model.family;
}

/** @returns the family, which no car serves: releases go beside the work. @throws NightshiftError `not_found`, `conflict` */
async function checkRelease({ database, now }: ApiPorts, version: string): Promise<string> {
  const release = (await listReleases(database)).find((each) => `${each.version}` === version);
  if (!release?.published) throw notFound('release of the agent', version);
  const { version: latest } = (await listLatestModels(database)).find(({ name }) => name === AGENT_RELEASE) ?? {};
  if (release.version < Number(latest)) {
    const message = `Agents take no older release: ${latest} is in use. Sign what is to run as a higher version.`;
    throw new NightshiftError('conflict', message, { field: 'version' });
  }
  if (release.expiresRealMs <= now()) {
    const message = `Release ${version} has expired: no agent would take it. Sign it again, as a higher version.`;
    throw new NightshiftError('conflict', message, { field: 'version' });
  }
  return AGENT_RELEASE;
}

function shown({ status, ...rollout }: StoredRollout): RolloutWire {
  const { figures, compared, reasons, target, drawn, holding } = status;
  return {
    id: rollout.id,
    model: rollout.name,
    version: rollout.version,
    previous_version: rollout.previousVersion,
    family: rollout.family,
    workflow_id: workflowIds.rollout(rollout.name, rollout.version),
    phase: status.phase,
    paused: status.paused,
    outcome: status.outcome,
    wave: status.wave + 1,
    waves: status.waves,
    cars: { target, drawn, holding },
    served_share: status.servedShare,
    text: status.text,
    last_comparison: figures && {
      requests: compared,
      disagreement: figures.disagreement,
      more_crashes: figures.moreCrashes,
      slower: figures.slower,
      energy: figures.energy,
    },
    reasons: reasons.map(({ code, text, value, limit }) => ({
      code,
      text,
      ...(value !== undefined && { value }),
      ...(limit !== undefined && { limit }),
    })),
    started_at: new Date(rollout.startedAtMs).toISOString(),
    decided_at: rollout.decidedAtMs === null ? null : new Date(rollout.decidedAtMs).toISOString(),
    spec: rollout.spec,
  };
}
